//! What the sequencer accepted and what the database may lack: durable before a transaction is acknowledged or a block
//! is shown as sealed. After a crash the blocks that the database lost are built again from it, hash for hash.
//!
//! A log of its own and no table of the database: an acknowledgement waits for one flush of a few bytes, where a commit
//! of MDBX takes two or three. Each [`JournalGroup`] is a record; what they add up to is also kept in memory, and
//! written anew as a short log when the old one has grown.

mod group;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;

use alloy_primitives::B256;
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

use self::{group::StoredGroup, state::State};
pub use self::{
    group::{AcceptedTransaction, ExecutedItem, JournalGroup, OpenBlock},
    state::JournaledBlock,
};

use crate::{StorageError, lock::DirectoryLock, log::Log};

/// Version of the records.
const SCHEMA: u64 = 3;

/// Most bytes of one group.
const MAX_GROUP_BYTES: usize = 64 << 20;

/// A log is written anew when it is this large and mostly forgotten.
const REWRITE_FROM_BYTES: u64 = 16 << 20;

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalContents {
    /// Blocks that the database may lack, ascending; only the last may be open.
    pub blocks: Vec<JournaledBlock>,
    /// All accepted transactions by sequence number, those of the blocks included.
    pub accepted: Vec<AcceptedTransaction>,
    /// A sequence number above all of them.
    pub next_sequence: u64,
}

/// The journal of a sequencer.
#[derive(Debug)]
pub struct Journal {
    log: Log,
    identity: Identity,
    state: State,
    _lock: DirectoryLock,
}

/// The first record of a log.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Identity {
    schema: u64,
    chain_id: u64,
    genesis_hash: B256,
}

impl Journal {
    /// Opens the journal of a chain in directory `path`, creating it if need be; its file never grows above
    /// `max_size_bytes`.
    ///
    /// # Errors
    /// [`StorageError::Locked`], [`StorageError::WrongChain`], [`StorageError::NewerSchema`],
    /// [`StorageError::OlderSchema`], [`StorageError::Corrupted`], [`StorageError::DiskFull`], [`StorageError::Io`].
    pub fn open(path: &Path, chain_id: u64, genesis_hash: B256, max_size_bytes: usize) -> Result<Self, StorageError> {
        let lock = DirectoryLock::acquire(path)?;
        let identity = Identity {
            schema: SCHEMA,
            chain_id,
            genesis_hash,
        };
        let (log, records) = Log::open(path, max_size_bytes as u64)?;
        let mut journal = Self {
            log,
            identity,
            state: State::default(),
            _lock: lock,
        };
        match records.split_first() {
            Some((first, groups)) => {
                journal.check_identity(path, first)?;
                for group in groups {
                    journal.state.apply(&decode::<StoredGroup>(group)?.into());
                }
            }
            None => journal.rewrite()?,
        }
        Ok(journal)
    }

    fn check_identity(&self, path: &Path, record: &[u8]) -> Result<(), StorageError> {
        let found: Identity = decode(record)?;
        let path = path.to_path_buf();
        if found.schema > SCHEMA {
            return Err(StorageError::NewerSchema {
                path,
                found: found.schema,
                supported: SCHEMA,
            });
        }
        if found.schema < SCHEMA {
            return Err(StorageError::OlderSchema {
                path,
                found: found.schema,
                supported: SCHEMA,
            });
        }
        if found.chain_id != self.identity.chain_id {
            let (found, expected) = (found.chain_id.to_string(), self.identity.chain_id.to_string());
            return Err(StorageError::WrongChain {
                path,
                what: "chain id",
                found,
                expected,
            });
        }
        if found.genesis_hash != self.identity.genesis_hash {
            let (found, expected) = (found.genesis_hash.to_string(), self.identity.genesis_hash.to_string());
            return Err(StorageError::WrongChain {
                path,
                what: "genesis hash",
                found,
                expected,
            });
        }
        Ok(())
    }

    /// Writes a group, all or nothing. When this returns, it survives a crash and a loss of power.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], [`StorageError::TooLarge`], [`StorageError::Io`]: the journal is as before, and
    /// nothing of the group may be acknowledged; the next call may succeed. [`StorageError::NoOpenBlock`] if items were
    /// executed or a block sealed without an open one.
    pub fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError> {
        if (!group.executed.is_empty() || group.sealed.is_some()) && !self.state.is_open_after(group) {
            return Err(StorageError::NoOpenBlock);
        }
        let payload = alloy_rlp::encode(StoredGroup::from(group));
        if payload.len() > MAX_GROUP_BYTES {
            return Err(StorageError::TooLarge {
                table: "journal",
                size: payload.len(),
                limit: MAX_GROUP_BYTES,
            });
        }
        if self.log.is_broken() || self.is_mostly_forgotten() || !self.log.has_room_for(payload.len()) {
            self.rewrite()?;
        }
        self.log.append(&payload)?;
        self.state.apply(group);
        Ok(())
    }

    /// What the journal holds: on start, or after a failed [`Self::append`].
    ///
    /// # Errors
    /// None at present; reserved for reading back from disk.
    pub fn load(&self) -> Result<JournalContents, StorageError> {
        Ok(self.state.contents())
    }

    /// Index after the last L1 message that its blocks execute.
    pub fn next_message(&self) -> Option<u64> {
        self.state.next_message()
    }

    fn is_mostly_forgotten(&self) -> bool {
        self.log.len() >= REWRITE_FROM_BYTES.max(self.state.accepted_bytes().saturating_mul(4))
    }

    /// Puts a log of what is kept in place of the old one.
    fn rewrite(&mut self) -> Result<(), StorageError> {
        let groups = self.state.groups();
        let records: Vec<_> = std::iter::once(alloy_rlp::encode(&self.identity))
            .chain(groups.iter().map(|group| alloy_rlp::encode(StoredGroup::from(group))))
            .collect();
        self.log = self.log.replace(&records)?;
        Ok(())
    }
}

fn decode<T: Decodable>(bytes: &[u8]) -> Result<T, StorageError> {
    alloy_rlp::decode_exact(bytes).map_err(|_| StorageError::MalformedRow {
        table: "journal",
        reason: "malformed RLP",
    })
}
