//! Going back: what a full node does when batches are reverted on L1.

use alloy_primitives::B256;

use crate::{
    Database, StorageError, batches,
    codec::BlockId,
    commit::next_withdrawal,
    database::latest_of,
    environment::Writer,
    history,
    tables::{
        Bodies, HEADS, Headers, LATEST, Numbers, OLDEST_STATE, Queue, Receipts, Senders, Transactions, Withdrawals,
    },
};

impl Database {
    /// Takes back all blocks above `block`, the newest first, with the batches that reach above it. L1 messages stay.
    ///
    /// Works in steps, one a run of history, that are atomic each: after a crash in between, the database stands at a block above `block`,
    /// and calling again goes on.
    ///
    /// # Errors
    /// [`StorageError::Finalized`], [`StorageError::PrunedHistory`] (also if `block` is not there yet); nothing is
    /// taken back then.
    pub fn unwind_to(&self, block: u64) -> Result<(), StorageError> {
        let _exclusive = self.recent.exclusive()?;
        loop {
            let writer = self.environment.writer()?;
            let mut latest = latest_of(&writer)?;
            check(&writer, block, latest.number)?;
            batches::remove_above(&writer, block)?;
            lower_safe_head(&writer, block)?;
            if latest.number > block {
                let floor = history::revert(&writer, block)?;
                while latest.number > floor {
                    latest = take_back(&writer, latest)?;
                }
                writer.put_meta(&LATEST, &latest)?;
            }
            writer.commit()?;
            if latest.number == block {
                return Ok(());
            }
        }
    }
}

fn check(writer: &Writer, block: u64, latest: u64) -> Result<(), StorageError> {
    let finalized = writer.meta(&HEADS)?.unwrap_or_default().finalized;
    if block < finalized {
        return Err(StorageError::Finalized {
            asked: block,
            finalized,
        });
    }
    let oldest = writer.meta(&OLDEST_STATE)?.unwrap_or_default();
    if block < oldest || block > latest {
        return Err(StorageError::PrunedHistory {
            asked: block,
            oldest,
            latest,
        });
    }
    Ok(())
}

fn lower_safe_head(writer: &Writer, block: u64) -> Result<(), StorageError> {
    let mut heads = writer.meta(&HEADS)?.unwrap_or_default();
    if heads.safe > block {
        heads.safe = block;
        writer.put_meta(&HEADS, &heads)?;
    }
    Ok(())
}

/// Removes the newest block, whose state was taken back; returns its parent.
fn take_back(writer: &Writer, latest: BlockId) -> Result<BlockId, StorageError> {
    let number = latest.number;
    let header = writer
        .get::<Headers>(&number)?
        .ok_or_else(|| StorageError::MissingRow {
            what: format!("header {number}"),
        })?
        .0
        .header;
    remove_block(writer, number, latest.hash)?;
    Ok(BlockId {
        number: number.saturating_sub(1),
        hash: header.parent_hash,
    })
}

fn remove_block(writer: &Writer, number: u64, hash: B256) -> Result<(), StorageError> {
    if let Some(body) = writer.get::<Bodies>(&number)? {
        for tx in &body.0.transactions {
            writer.delete::<Transactions>(&tx.hash())?;
        }
    }
    writer.delete::<Headers>(&number)?;
    writer.delete::<Numbers>(&hash)?;
    writer.delete::<Bodies>(&number)?;
    writer.delete::<Senders>(&number)?;
    writer.delete::<Receipts>(&number)?;
    writer.delete::<Queue>(&number)?;
    remove_withdrawals(writer, number)
}

fn remove_withdrawals(writer: &Writer, block: u64) -> Result<(), StorageError> {
    for index in (0..next_withdrawal(writer)?).rev() {
        if writer
            .get::<Withdrawals>(&index)?
            .is_some_and(|row| row.0.block < block)
        {
            break;
        }
        writer.delete::<Withdrawals>(&index)?;
    }
    Ok(())
}
