//! What the sequencer accepted but has not sealed: durable before a transaction is acknowledged.
//!
//! A log of its own and no table of the database: an acknowledgement waits for one flush of a few bytes, where a commit
//! of MDBX takes two or three. Each [`JournalGroup`] is a record; what they add up to is also kept in memory, and
//! written anew as a short log when the old one has grown.

use std::{collections::BTreeMap, path::Path};

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

use crate::{StorageError, lock::DirectoryLock, log::Log};

/// Version of the records.
const SCHEMA: u64 = 2;

/// Most bytes of one group.
const MAX_GROUP_BYTES: usize = 64 << 20;

/// Transactions are written anew in groups of about this many bytes.
const REWRITTEN_GROUP_BYTES: usize = 1 << 20;

/// A log is written anew when it is this large and mostly forgotten.
const REWRITE_FROM_BYTES: u64 = 16 << 20;

/// Header parameters of the open block, fixed when it was opened: replaying it gives the same block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct OpenBlock {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block before it.
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// CLN wei per gas.
    pub base_fee: u64,
    /// Gas limit of the block.
    pub gas_limit: u64,
}

/// A transaction that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AcceptedTransaction {
    /// Position in the order of arrival; never used twice while the transaction is kept.
    pub sequence: u64,
    /// EIP-2718 encoding.
    pub raw: Bytes,
}

/// A step of the open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutedItem {
    /// An accepted transaction, by its sequence number.
    Transaction(u64),
    /// An L1 message, by its queue index.
    Message(u64),
}

/// What one commit of the journal changes, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalGroup {
    /// Blocks up to this one are in the database: if the open block is among them, its order and its transactions
    /// are dropped.
    pub forget_through: Option<u64>,
    /// The block that is open from now on. The order of one that was open before is dropped; its transactions are
    /// accepted still.
    pub opened: Option<OpenBlock>,
    /// New transactions.
    pub accepted: Vec<AcceptedTransaction>,
    /// What the open block executed next, in order.
    pub executed: Vec<ExecutedItem>,
    /// Accepted transactions that were evicted or replaced, by sequence number.
    pub dropped: Vec<u64>,
}

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalContents {
    /// The open block.
    pub open: Option<OpenBlock>,
    /// What it executed, in order.
    pub executed: Vec<ExecutedItem>,
    /// All accepted transactions by sequence number, those of the open block included.
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

/// What all groups add up to.
#[derive(Debug, Default)]
struct State {
    open: Option<OpenBlock>,
    executed: Vec<ExecutedItem>,
    accepted: BTreeMap<u64, Bytes>,
    /// Bytes of the accepted transactions.
    accepted_bytes: u64,
}

/// The first record of a log.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Identity {
    schema: u64,
    chain_id: u64,
    genesis_hash: B256,
}

/// [`JournalGroup`] as a record.
#[derive(Debug, RlpEncodable, RlpDecodable)]
struct StoredGroup {
    forget_through: Vec<u64>,
    opened: Vec<OpenBlock>,
    accepted: Vec<AcceptedTransaction>,
    executed: Vec<StoredItem>,
    dropped: Vec<u64>,
}

#[derive(Debug, RlpEncodable, RlpDecodable)]
struct StoredItem {
    is_message: bool,
    number: u64,
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
    /// executed without an open block.
    pub fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError> {
        if !group.executed.is_empty() && self.state.open_after(group).is_none() {
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
        let accepted = &self.state.accepted;
        Ok(JournalContents {
            open: self.state.open,
            executed: self.state.executed.clone(),
            accepted: accepted
                .iter()
                .map(|(sequence, raw)| AcceptedTransaction {
                    sequence: *sequence,
                    raw: raw.clone(),
                })
                .collect(),
            next_sequence: accepted
                .last_key_value()
                .map_or(0, |(sequence, _)| sequence.saturating_add(1)),
        })
    }

    fn is_mostly_forgotten(&self) -> bool {
        self.log.len() >= REWRITE_FROM_BYTES.max(self.state.accepted_bytes.saturating_mul(4))
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

impl State {
    /// The block that is open after a group.
    fn open_after(&self, group: &JournalGroup) -> Option<OpenBlock> {
        let forgotten = |open: &OpenBlock| group.forget_through.is_some_and(|block| open.number <= block);
        group.opened.or_else(|| self.open.filter(|open| !forgotten(open)))
    }

    fn apply(&mut self, group: &JournalGroup) {
        if let Some(block) = group.forget_through
            && self.open.is_some_and(|open| open.number <= block)
        {
            self.open = None;
            for item in std::mem::take(&mut self.executed) {
                if let ExecutedItem::Transaction(sequence) = item {
                    self.remove(sequence);
                }
            }
        }
        if group.opened.is_some() {
            self.open = group.opened;
            self.executed.clear();
        }
        for AcceptedTransaction { sequence, raw } in &group.accepted {
            self.remove(*sequence);
            self.accepted_bytes += raw.len() as u64;
            self.accepted.insert(*sequence, raw.clone());
        }
        self.executed.extend_from_slice(&group.executed);
        for sequence in &group.dropped {
            self.remove(*sequence);
        }
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(raw) = self.accepted.remove(&sequence) {
            self.accepted_bytes = self.accepted_bytes.saturating_sub(raw.len() as u64);
        }
    }

    /// Groups that add up to this state.
    fn groups(&self) -> Vec<JournalGroup> {
        let open = JournalGroup {
            opened: self.open,
            executed: self.executed.clone(),
            ..JournalGroup::default()
        };
        let mut groups = vec![open];
        let mut bytes = 0;
        for (sequence, raw) in &self.accepted {
            if bytes == 0 || bytes + raw.len() > REWRITTEN_GROUP_BYTES {
                groups.push(JournalGroup::default());
                bytes = 0;
            }
            bytes += raw.len();
            if let Some(group) = groups.last_mut() {
                group.accepted.push(AcceptedTransaction {
                    sequence: *sequence,
                    raw: raw.clone(),
                });
            }
        }
        groups
    }
}

fn decode<T: Decodable>(bytes: &[u8]) -> Result<T, StorageError> {
    alloy_rlp::decode_exact(bytes).map_err(|_| StorageError::MalformedRow {
        table: "journal",
        reason: "malformed RLP",
    })
}

impl From<&JournalGroup> for StoredGroup {
    fn from(group: &JournalGroup) -> Self {
        let executed = group.executed.iter().map(|item| match *item {
            ExecutedItem::Transaction(number) => StoredItem {
                is_message: false,
                number,
            },
            ExecutedItem::Message(number) => StoredItem {
                is_message: true,
                number,
            },
        });
        Self {
            forget_through: group.forget_through.into_iter().collect(),
            opened: group.opened.into_iter().collect(),
            accepted: group.accepted.clone(),
            executed: executed.collect(),
            dropped: group.dropped.clone(),
        }
    }
}

impl From<StoredGroup> for JournalGroup {
    fn from(stored: StoredGroup) -> Self {
        let executed = stored.executed.into_iter().map(|StoredItem { is_message, number }| {
            if is_message {
                ExecutedItem::Message(number)
            } else {
                ExecutedItem::Transaction(number)
            }
        });
        Self {
            forget_through: stored.forget_through.first().copied(),
            opened: stored.opened.first().copied(),
            accepted: stored.accepted,
            executed: executed.collect(),
            dropped: stored.dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_SIZE_BYTES: usize = 64 << 20;

    fn open(path: &Path) -> Journal {
        Journal::open(path, 7, B256::ZERO, MAX_SIZE_BYTES).unwrap()
    }

    fn block(number: u64) -> OpenBlock {
        OpenBlock {
            number,
            parent_hash: B256::repeat_byte(1),
            timestamp: 5,
            base_fee: 7,
            gas_limit: 30_000_000,
        }
    }

    fn accepted(sequence: u8) -> AcceptedTransaction {
        AcceptedTransaction {
            sequence: sequence.into(),
            raw: vec![sequence; 200].into(),
        }
    }

    #[test]
    fn what_was_appended_is_there_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = open(directory.path());
        let first = [ExecutedItem::Message(9), ExecutedItem::Transaction(1)];
        journal
            .append(&JournalGroup {
                opened: Some(block(4)),
                accepted: vec![accepted(1), accepted(2)],
                executed: first.to_vec(),
                ..JournalGroup::default()
            })
            .unwrap();
        journal
            .append(&JournalGroup {
                executed: vec![ExecutedItem::Transaction(2)],
                ..JournalGroup::default()
            })
            .unwrap();
        drop(journal);
        let contents = open(directory.path()).load().unwrap();
        assert_eq!(contents.open, Some(block(4)));
        assert_eq!(
            contents.executed,
            [first.as_slice(), &[ExecutedItem::Transaction(2)]].concat()
        );
        assert_eq!(contents.accepted, [accepted(1), accepted(2)]);
        assert_eq!(contents.next_sequence, 3);
    }

    #[test]
    fn a_sealed_block_takes_only_its_own_transactions_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = open(directory.path());
        journal
            .append(&JournalGroup {
                opened: Some(block(4)),
                accepted: vec![accepted(1), accepted(2), accepted(3)],
                executed: vec![ExecutedItem::Transaction(2)],
                dropped: vec![3],
                ..JournalGroup::default()
            })
            .unwrap();
        journal
            .append(&JournalGroup {
                forget_through: Some(4),
                opened: Some(block(5)),
                ..JournalGroup::default()
            })
            .unwrap();
        let contents = journal.load().unwrap();
        assert_eq!(contents.open, Some(block(5)));
        assert_eq!(contents.executed, []);
        assert_eq!(contents.accepted, [accepted(1)]);
    }

    #[test]
    fn opening_a_block_anew_keeps_the_transactions() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = open(directory.path());
        let executed = vec![ExecutedItem::Transaction(1)];
        journal
            .append(&JournalGroup {
                opened: Some(block(4)),
                accepted: vec![accepted(1)],
                executed,
                ..JournalGroup::default()
            })
            .unwrap();
        let again = OpenBlock {
            timestamp: 6,
            ..block(4)
        };
        journal
            .append(&JournalGroup {
                opened: Some(again),
                ..JournalGroup::default()
            })
            .unwrap();
        let contents = journal.load().unwrap();
        assert_eq!((contents.open, contents.executed), (Some(again), vec![]));
        assert_eq!(contents.accepted, [accepted(1)]);
    }

    #[test]
    fn executing_without_an_open_block_is_refused_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = open(directory.path());
        let group = JournalGroup {
            accepted: vec![accepted(1)],
            executed: vec![ExecutedItem::Transaction(1)],
            ..JournalGroup::default()
        };
        assert!(matches!(journal.append(&group), Err(StorageError::NoOpenBlock)));
        assert_eq!(journal.load().unwrap(), JournalContents::default());
    }

    #[test]
    fn the_journal_of_another_chain_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        let refused = Journal::open(directory.path(), 8, B256::ZERO, MAX_SIZE_BYTES).unwrap_err();
        assert!(matches!(refused, StorageError::WrongChain { what: "chain id", .. }));
        let refused = Journal::open(directory.path(), 7, B256::repeat_byte(1), MAX_SIZE_BYTES).unwrap_err();
        assert!(matches!(
            refused,
            StorageError::WrongChain {
                what: "genesis hash",
                ..
            }
        ));
    }

    #[test]
    fn a_full_journal_acknowledges_nothing_and_goes_on_when_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
        journal
            .append(&JournalGroup {
                accepted: vec![accepted(1)],
                ..JournalGroup::default()
            })
            .unwrap();
        let huge = AcceptedTransaction {
            sequence: 2,
            raw: vec![0; 2 << 20].into(),
        };
        let refused = journal.append(&JournalGroup {
            accepted: vec![huge.clone()],
            ..JournalGroup::default()
        });
        assert!(matches!(refused, Err(StorageError::DiskFull { .. })), "{refused:?}");
        assert_eq!(journal.load().unwrap().accepted, [accepted(1)]);
        journal
            .append(&JournalGroup {
                accepted: vec![accepted(3)],
                ..JournalGroup::default()
            })
            .unwrap();
        drop(journal);
        let mut journal = open(directory.path());
        journal
            .append(&JournalGroup {
                accepted: vec![huge],
                ..JournalGroup::default()
            })
            .unwrap();
        assert_eq!(journal.load().unwrap().accepted.len(), 3);
    }

    #[test]
    fn what_is_forgotten_makes_room_under_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
        for number in 1..60 {
            let raw = vec![1; 100_000].into();
            journal
                .append(&JournalGroup {
                    forget_through: Some(number - 1),
                    opened: Some(block(number)),
                    accepted: vec![AcceptedTransaction { sequence: number, raw }],
                    executed: vec![ExecutedItem::Message(number), ExecutedItem::Transaction(number)],
                    ..JournalGroup::default()
                })
                .unwrap();
        }
        let before = journal.load().unwrap();
        assert_eq!(before.accepted.len(), 1);
        drop(journal);
        let journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
        assert_eq!(journal.load().unwrap(), before);
    }
}
