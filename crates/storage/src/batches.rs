//! Batches and how far they got on L1.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use cwe_primitives::{BatchCommitment, DataLocation, QueueHash};
use signet_libmdbx::TransactionKind;

use crate::{
    BatchRecord, BatchStatus, Database, L1Block, Snapshot, StorageError,
    codec::Rlp,
    environment::{Transaction, Writer},
    tables::{BatchData, BatchEnds, Batches, Headers},
};

impl Database {
    /// Adds the next batch, the first being batch 0 of genesis, or replaces the status of one that is there. `data`
    /// is kept beside it, so that exactly these bytes can be sent again or proven.
    ///
    /// # Errors
    /// [`StorageError::BatchNotNext`] if it follows no stored batch or contradicts the one of its index,
    /// [`StorageError::BatchMismatch`] if its last block is not one of ours. Nothing is written then.
    pub fn put_batch(&self, record: &BatchRecord, data: Option<&[u8]>) -> Result<(), StorageError> {
        let writer = self.writer_after_blocks()?;
        let commitment = &record.commitment;
        let same = get(&writer, commitment.index)?.is_some_and(|found| found.commitment == *commitment);
        if !same {
            check_next(&writer, commitment)?;
            check_last_block(&writer, commitment)?;
        }
        writer.put::<Batches>(&commitment.index, &Rlp(record.into()))?;
        writer.put::<BatchEnds>(&commitment.last_block, &commitment.index)?;
        if let Some(data) = data {
            writer.put::<BatchData>(&commitment.index, &Bytes::copy_from_slice(data))?;
        }
        writer.commit()
    }

    /// Says how far a batch got.
    ///
    /// # Errors
    /// [`StorageError::NoBatch`].
    pub fn set_batch_status(&self, index: u64, status: BatchStatus) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        let mut record = get(&writer, index)?.ok_or(StorageError::NoBatch { index })?;
        record.status = status;
        writer.put::<Batches>(&index, &Rlp((&record).into()))?;
        writer.commit()
    }

    /// Forgets the batches from `index` on: they were reverted on L1, or are to be built anew. Their blocks stay.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn remove_batches_from(&self, index: u64) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        while let Some(record) = last(&writer)?.filter(|record| record.commitment.index >= index) {
            remove(&writer, &record.commitment)?;
        }
        writer.commit()
    }

    /// Drops the kept data of a batch that nobody needs any more; its commitment and status stay.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn remove_batch_data(&self, index: u64) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        writer.delete::<BatchData>(&index)?;
        writer.commit()
    }
}

impl Snapshot {
    /// A batch.
    ///
    /// # Errors
    /// The database can't be read; so for every reader below.
    pub fn batch(&self, index: u64) -> Result<Option<BatchRecord>, StorageError> {
        get(&self.reader, index)
    }

    /// The batch with the highest index.
    pub fn latest_batch(&self) -> Result<Option<BatchRecord>, StorageError> {
        last(&self.reader)
    }

    /// The batch that holds a block.
    pub fn batch_of_block(&self, number: u64) -> Result<Option<BatchRecord>, StorageError> {
        match self.reader.seek::<BatchEnds>(&number)? {
            Some((_, index)) => self.batch(index),
            None => Ok(None),
        }
    }

    /// The kept data of a batch.
    pub fn batch_data(&self, index: u64) -> Result<Option<Bytes>, StorageError> {
        self.reader.get::<BatchData>(&index)
    }
}

/// Forgets the batches that reach above `block`.
pub(crate) fn remove_above(writer: &Writer, block: u64) -> Result<(), StorageError> {
    while let Some(record) = last(writer)?.filter(|record| record.commitment.last_block > block) {
        remove(writer, &record.commitment)?;
    }
    Ok(())
}

fn get<K: TransactionKind>(transaction: &Transaction<K>, index: u64) -> Result<Option<BatchRecord>, StorageError> {
    Ok(transaction
        .get::<Batches>(&index)?
        .map(|Rlp(stored)| stored.into_record(index)))
}

fn last<K: TransactionKind>(transaction: &Transaction<K>) -> Result<Option<BatchRecord>, StorageError> {
    Ok(transaction
        .last::<Batches>()?
        .map(|(index, Rlp(stored))| stored.into_record(index)))
}

fn remove(writer: &Writer, commitment: &BatchCommitment) -> Result<(), StorageError> {
    writer.delete::<Batches>(&commitment.index)?;
    writer.delete::<BatchEnds>(&commitment.last_block)?;
    writer.delete::<BatchData>(&commitment.index).map(drop)
}

fn check_next(writer: &Writer, commitment: &BatchCommitment) -> Result<(), StorageError> {
    let latest = last(writer)?.map(|record| record.commitment);
    let follows = match &latest {
        None => commitment.index == 0 && commitment.first_block == 0,
        Some(latest) => {
            commitment.index == latest.index + 1
                && commitment.first_block == latest.last_block + 1
                && commitment.last_block >= commitment.first_block
                && commitment.parent_batch_hash == latest.hash()
        }
    };
    if follows {
        return Ok(());
    }
    Err(StorageError::BatchNotNext {
        index: commitment.index,
        first_block: commitment.first_block,
        latest: latest.map(|latest| (latest.index, latest.last_block)),
    })
}

fn check_last_block(writer: &Writer, commitment: &BatchCommitment) -> Result<(), StorageError> {
    let ours = writer
        .get::<Headers>(&commitment.last_block)?
        .map(|Rlp(stored)| stored.hash);
    if ours == Some(commitment.block_hash) {
        return Ok(());
    }
    let BatchCommitment {
        index,
        last_block,
        block_hash,
        ..
    } = *commitment;
    Err(StorageError::BatchMismatch {
        index,
        last_block,
        block_hash,
        ours,
    })
}

/// A batch as it is stored, under its index.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredBatch {
    parent_batch_hash: B256,
    first_block: u64,
    last_block: u64,
    last_timestamp: u64,
    parent_block_hash: B256,
    block_hash: B256,
    state_root: B256,
    withdrawal_root: B256,
    messages_before: u64,
    queue_hash_before: B256,
    messages_after: u64,
    queue_hash_after: B256,
    blobs: bool,
    /// Versioned hashes, or the one hash of the call data.
    data: Vec<B256>,
    status: StoredStatus,
}

/// A status: which, and its fields; those it lacks are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct StoredStatus {
    /// 0 built, 1 submitted, 2 committed, 3 finalized.
    kind: u8,
    transaction: B256,
    proven_by: B256,
    nonce: u64,
    max_fee_per_gas: u128,
    max_priority_fee_per_gas: u128,
    l1_number: u64,
    l1_hash: B256,
}

impl From<&BatchRecord> for StoredBatch {
    fn from(record: &BatchRecord) -> Self {
        let BatchCommitment {
            parent_batch_hash,
            index: _,
            first_block,
            last_block,
            last_timestamp,
            parent_block_hash,
            block_hash,
            state_root,
            withdrawal_root,
            queue_before,
            queue_after,
            data,
        } = record.commitment.clone();
        Self {
            parent_batch_hash,
            first_block,
            last_block,
            last_timestamp,
            parent_block_hash,
            block_hash,
            state_root,
            withdrawal_root,
            messages_before: queue_before.next_index,
            queue_hash_before: queue_before.hash,
            messages_after: queue_after.next_index,
            queue_hash_after: queue_after.hash,
            blobs: data.is_blobs(),
            data: match data {
                DataLocation::Blobs(hashes) => hashes,
                DataLocation::Calldata(hash) => vec![hash],
            },
            status: record.status.into(),
        }
    }
}

impl StoredBatch {
    fn into_record(self, index: u64) -> BatchRecord {
        let data = if self.blobs {
            DataLocation::Blobs(self.data)
        } else {
            DataLocation::Calldata(self.data.first().copied().unwrap_or_default())
        };
        let commitment = BatchCommitment {
            parent_batch_hash: self.parent_batch_hash,
            index,
            first_block: self.first_block,
            last_block: self.last_block,
            last_timestamp: self.last_timestamp,
            parent_block_hash: self.parent_block_hash,
            block_hash: self.block_hash,
            state_root: self.state_root,
            withdrawal_root: self.withdrawal_root,
            queue_before: QueueHash {
                next_index: self.messages_before,
                hash: self.queue_hash_before,
            },
            queue_after: QueueHash {
                next_index: self.messages_after,
                hash: self.queue_hash_after,
            },
            data,
        };
        BatchRecord {
            commitment,
            status: self.status.into(),
        }
    }
}

impl From<BatchStatus> for StoredStatus {
    fn from(status: BatchStatus) -> Self {
        match status {
            BatchStatus::Built => Self::default(),
            BatchStatus::Submitted {
                transaction,
                nonce,
                max_fee_per_gas,
                max_priority_fee_per_gas,
            } => Self {
                kind: 1,
                transaction,
                nonce,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                ..Self::default()
            },
            BatchStatus::Committed { transaction, l1_block } => Self {
                kind: 2,
                transaction,
                l1_number: l1_block.number,
                l1_hash: l1_block.hash,
                ..Self::default()
            },
            BatchStatus::Finalized {
                committed_by,
                proven_by,
                l1_block,
            } => Self {
                kind: 3,
                transaction: committed_by,
                proven_by,
                l1_number: l1_block.number,
                l1_hash: l1_block.hash,
                ..Self::default()
            },
        }
    }
}

impl From<StoredStatus> for BatchStatus {
    fn from(stored: StoredStatus) -> Self {
        let StoredStatus {
            kind,
            transaction,
            proven_by,
            nonce,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            l1_number,
            l1_hash,
        } = stored;
        let l1_block = L1Block {
            number: l1_number,
            hash: l1_hash,
        };
        match kind {
            0 => Self::Built,
            1 => Self::Submitted {
                transaction,
                nonce,
                max_fee_per_gas,
                max_priority_fee_per_gas,
            },
            2 => Self::Committed { transaction, l1_block },
            _ => Self::Finalized {
                committed_by: transaction,
                proven_by,
                l1_block,
            },
        }
    }
}
