//! What is known from L1: messages, positions, and which blocks L1 vouches for.

use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use cwe_primitives::{L1Message, QueueHash};
use signet_libmdbx::TransactionKind;

use crate::{
    Database, Heads, L1Block, L1MessageRecord, L1Stream, Snapshot, StorageError,
    codec::Rlp,
    database::latest_of,
    environment::Transaction,
    tables::{HEADS, INBOX_CURSOR, L1Messages, MetaItem, Queue, ROLLUP_CURSOR},
};

/// A message as it is stored, under its index.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredMessage {
    message: L1Message,
    l1_number: u64,
    l1_hash: B256,
    queue_hash: B256,
}

impl From<&L1MessageRecord> for StoredMessage {
    fn from(record: &L1MessageRecord) -> Self {
        Self {
            message: record.message.clone(),
            l1_number: record.l1_block.number,
            l1_hash: record.l1_block.hash,
            queue_hash: record.queue_hash,
        }
    }
}

impl From<StoredMessage> for L1MessageRecord {
    fn from(stored: StoredMessage) -> Self {
        let StoredMessage {
            message,
            l1_number,
            l1_hash,
            queue_hash,
        } = stored;
        Self {
            message,
            l1_block: L1Block {
                number: l1_number,
                hash: l1_hash,
            },
            queue_hash,
        }
    }
}

impl Database {
    /// Adds the next messages of the L1 queue and moves the inbox position, at once. Without messages only the
    /// position moves.
    ///
    /// # Errors
    /// [`StorageError::MessageNotNext`] on a gap, [`StorageError::QueueHashMismatch`] if a queue hash from L1 is not
    /// what the messages give: the L1 source is lying or broken. Nothing is written then.
    pub fn append_l1_messages(&self, messages: &[L1MessageRecord], cursor: L1Block) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        let mut queue = queue_tip(&writer)?;
        for record in messages {
            queue.append(&record.message)?;
            if queue.hash != record.queue_hash {
                return Err(StorageError::QueueHashMismatch {
                    index: record.message.index,
                    expected: record.queue_hash,
                    computed: queue.hash,
                });
            }
            writer.put::<L1Messages>(&record.message.index, &Rlp(record.into()))?;
        }
        writer.put_meta(&INBOX_CURSOR, &cursor)?;
        writer.commit()
    }

    /// Forgets the messages from `next_index` on and moves the inbox position back, at once: an L1 reorganisation.
    ///
    /// # Errors
    /// [`StorageError::MessagesInUse`] if a block already took one of them; unwind first.
    pub fn rewind_l1_messages(&self, next_index: u64, cursor: L1Block) -> Result<(), StorageError> {
        let writer = self.writer_after_blocks()?;
        let latest = latest_of(&writer)?.number;
        let taken = writer.get::<Queue>(&latest)?.unwrap_or_default().next_index;
        if next_index < taken {
            return Err(StorageError::MessagesInUse { next_index, taken });
        }
        for index in next_index..queue_tip(&writer)?.next_index {
            writer.delete::<L1Messages>(&index)?;
        }
        writer.put_meta(&INBOX_CURSOR, &cursor)?;
        writer.commit()
    }

    /// Moves a position on L1.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn set_l1_cursor(&self, stream: L1Stream, cursor: L1Block) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        writer.put_meta(cursor_of(stream), &cursor)?;
        writer.commit()
    }

    /// Says which blocks L1 vouches for. The safe head may go back, the finalized one never.
    ///
    /// # Errors
    /// [`StorageError::BadHeads`] unless old `finalized` ≤ `finalized` ≤ `safe` ≤ newest block.
    pub fn set_heads(&self, heads: Heads) -> Result<(), StorageError> {
        let writer = self.writer_after_blocks()?;
        let latest = latest_of(&writer)?.number;
        let before = writer.meta(&HEADS)?.unwrap_or_default();
        let ascending = [before.finalized, heads.finalized, heads.safe, latest].is_sorted();
        if !ascending {
            return Err(StorageError::BadHeads {
                heads,
                before: before.finalized,
                latest,
            });
        }
        writer.put_meta(&HEADS, &heads)?;
        writer.commit()
    }
}

impl Snapshot {
    /// Blocks that L1 vouches for.
    ///
    /// # Errors
    /// The database can't be read; so for every reader below.
    pub fn heads(&self) -> Result<Heads, StorageError> {
        Ok(self.reader.meta(&HEADS)?.unwrap_or_default())
    }

    /// Position on L1; `None` if nothing was read yet.
    pub fn l1_cursor(&self, stream: L1Stream) -> Result<Option<L1Block>, StorageError> {
        self.reader.meta(cursor_of(stream))
    }

    /// The L1 queue as far as its messages are known.
    pub fn l1_queue_tip(&self) -> Result<QueueHash, StorageError> {
        queue_tip(&self.reader)
    }

    /// A message of the L1 queue.
    pub fn l1_message(&self, index: u64) -> Result<Option<L1MessageRecord>, StorageError> {
        Ok(self.reader.get::<L1Messages>(&index)?.map(|Rlp(stored)| stored.into()))
    }

    /// Up to `limit` messages of the L1 queue from `first_index` on, in order.
    pub fn l1_messages(&self, first_index: u64, limit: usize) -> Result<Vec<L1MessageRecord>, StorageError> {
        let rows = self.reader.scan::<L1Messages>(&first_index, limit)?;
        Ok(rows.into_iter().map(|(_, Rlp(stored))| stored.into()).collect())
    }
}

fn queue_tip<K: TransactionKind>(transaction: &Transaction<K>) -> Result<QueueHash, StorageError> {
    let last = transaction.last::<L1Messages>()?;
    Ok(last.map_or_else(QueueHash::default, |(_, Rlp(stored))| {
        L1MessageRecord::from(stored).queue_after()
    }))
}

const fn cursor_of(stream: L1Stream) -> &'static MetaItem<L1Block> {
    match stream {
        L1Stream::Inbox => &INBOX_CURSOR,
        L1Stream::Rollup => &ROLLUP_CURSOR,
    }
}
