//! Immutable views of the chain after some block.

use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Sealed, U256};
use cwe_primitives::{Account, Block, BlockBody, QueueHash, Receipt, Withdrawal};

use crate::{
    StorageError, TransactionLocation, WithdrawalRecord,
    codec::{Rlp, SlotKey},
    database::latest_of,
    environment::Reader,
    history,
    recent::{RecentBlock, View},
    tables::{
        Accounts, Bodies, Codes, Headers, Numbers, OLDEST_STATE, Queue, Receipts, Senders, Slots, StateTable,
        StoredHeader, StoredWithdrawal, Transactions, Withdrawals,
    },
};

/// Withdrawals read at once; bounds the memory of a walk over all of them.
const WITHDRAWALS_PER_READ: usize = 4096;

/// The chain as one commit left it, with the state after block [`Snapshot::number`].
///
/// Threads may share it. Blocks, batches and L1 data are those of the commit, up to [`Snapshot::latest_number`]; only
/// the state is that of the block. While it lives, the space that newer commits free can't be used again: keep it for
/// requests and blocks, not for hours.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) reader: Reader,
    /// Blocks above those of the reader, and maybe some that it has too.
    recent: View,
    head: Sealed<Header>,
    latest: u64,
    /// Newest block of the reader.
    persisted: u64,
    oldest: u64,
}

impl Snapshot {
    /// The state after `block`, or after the newest one. `reader` has all blocks that `recent` lacks, and none that it
    /// does not know.
    pub(crate) fn new(reader: Reader, recent: View, block: Option<u64>) -> Result<Self, StorageError> {
        let persisted = latest_of(&reader)?.number;
        let latest = recent.tip.map_or(persisted, |tip| tip.number);
        let block = block.unwrap_or(latest);
        let oldest = reader.meta(&OLDEST_STATE)?.unwrap_or_default();
        if !(oldest..=latest).contains(&block) {
            return Err(StorageError::PrunedHistory {
                asked: block,
                oldest,
                latest,
            });
        }
        let head = header(&reader, &recent, block)?.ok_or_else(|| StorageError::MissingRow {
            what: format!("header {block}"),
        })?;
        Ok(Self {
            reader,
            recent,
            head,
            latest,
            persisted,
            oldest,
        })
    }

    /// The block whose state this is.
    pub fn number(&self) -> u64 {
        self.head.number
    }

    /// The newest block.
    pub const fn latest_number(&self) -> u64 {
        self.latest
    }

    /// The oldest block whose state was known when the snapshot was taken.
    pub const fn oldest_state(&self) -> u64 {
        self.oldest
    }

    /// Header of the block whose state this is.
    pub const fn head(&self) -> &Sealed<Header> {
        &self.head
    }

    /// State root after the block whose state this is.
    pub fn state_root(&self) -> B256 {
        self.head.state_root
    }

    /// A header; `None` above the newest block.
    ///
    /// # Errors
    /// The database can't be read; so for every reader below.
    pub fn header(&self, number: u64) -> Result<Option<Sealed<Header>>, StorageError> {
        if number == self.head.number {
            return Ok(Some(self.head.clone()));
        }
        header(&self.reader, &self.recent, number)
    }

    /// A header by its hash.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<Sealed<Header>>, StorageError> {
        self.block_number(hash)?.map_or(Ok(None), |number| self.header(number))
    }

    /// Hash of a block.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        Ok(self.header(number)?.map(|header| header.seal()))
    }

    /// Number of a block by its hash.
    pub fn block_number(&self, hash: B256) -> Result<Option<u64>, StorageError> {
        match self.recent.block_number(hash) {
            Some(number) => Ok(Some(number)),
            None => self.reader.get::<Numbers>(&hash),
        }
    }

    /// A block and its hash.
    pub fn block(&self, number: u64) -> Result<Option<Sealed<Block>>, StorageError> {
        let Some(header) = self.header(number)? else {
            return Ok(None);
        };
        let body = self.body(number)?.ok_or_else(|| StorageError::MissingRow {
            what: format!("body {number}"),
        })?;
        let (header, hash) = header.split();
        Ok(Some(Sealed::new_unchecked(Block { header, body }, hash)))
    }

    /// Transactions of a block.
    pub fn body(&self, number: u64) -> Result<Option<BlockBody>, StorageError> {
        if let Some(recent) = self.recent.block(number) {
            return Ok(Some(recent.block.body.clone()));
        }
        Ok(self.reader.get::<Bodies>(&number)?.map(|Rlp(body)| body))
    }

    /// Senders of a block's transactions, in order.
    pub fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, StorageError> {
        if let Some(recent) = self.recent.block(number) {
            return Ok(Some(recent.senders.clone()));
        }
        self.reader.get::<Senders>(&number)
    }

    /// Receipts of a block, in order.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StorageError> {
        if let Some(recent) = self.recent.block(number) {
            return Ok(Some(recent.receipts.clone()));
        }
        Ok(self.reader.get::<Receipts>(&number)?.map(|Rlp(receipts)| receipts))
    }

    /// Where a transaction is, by its hash.
    pub fn transaction_location(&self, hash: B256) -> Result<Option<TransactionLocation>, StorageError> {
        match self.recent.transaction(&hash) {
            Some(location) => Ok(Some(location)),
            None => self.reader.get::<Transactions>(&hash),
        }
    }

    /// The L1 queue as far as the blocks up to `number` took it.
    pub fn queue_after(&self, number: u64) -> Result<Option<QueueHash>, StorageError> {
        if let Some(recent) = self.recent.block(number) {
            return Ok(Some(recent.queue));
        }
        self.reader.get::<Queue>(&number)
    }

    /// An account.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StorageError> {
        self.state::<Accounts>(&address)
    }

    /// A storage slot's value; zero where there is none.
    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        Ok(self.state::<Slots>(&SlotKey { address, slot })?.unwrap_or_default())
    }

    /// A code by its hash.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StorageError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        match self.recent.code(&hash) {
            Some(code) => Ok(Some(code)),
            None => self.reader.get::<Codes>(&hash),
        }
    }

    /// A row of the state after [`Self::number`].
    pub(crate) fn state<T: StateTable>(&self, key: &T::Key) -> Result<Option<T::Value>, StorageError> {
        let block = self.head.number;
        if block < self.persisted {
            return history::value_at::<T, _>(&self.reader, key, block);
        }
        match self.recent.state::<T>(key, block) {
            Some(value) => Ok(value),
            None => self.reader.get::<T>(key),
        }
    }

    /// Blocks that the reader does not have, in order.
    fn recent_blocks(&self) -> impl Iterator<Item = Arc<RecentBlock>> {
        (self.persisted + 1..=self.latest).filter_map(|number| self.recent.block(number))
    }

    /// Withdrawals that the reader does not have, with their blocks, in order.
    fn recent_withdrawals(&self) -> impl Iterator<Item = WithdrawalRecord> {
        self.recent_blocks().flat_map(|recent| {
            let block = recent.number();
            let withdrawals = recent.withdrawals.clone();
            withdrawals
                .into_iter()
                .map(move |withdrawal| WithdrawalRecord { block, withdrawal })
        })
    }

    /// Index of the next withdrawal.
    pub(crate) fn next_withdrawal(&self) -> Result<u64, StorageError> {
        if let Some(record) = self.recent_withdrawals().last() {
            return Ok(record.withdrawal.index + 1);
        }
        self.persisted_withdrawals()
    }

    fn persisted_withdrawals(&self) -> Result<u64, StorageError> {
        Ok(self.reader.last::<Withdrawals>()?.map_or(0, |(index, _)| index + 1))
    }

    /// A withdrawal by its index.
    pub fn withdrawal(&self, index: u64) -> Result<Option<WithdrawalRecord>, StorageError> {
        let stored = self.reader.get::<Withdrawals>(&index)?;
        if let Some(Rlp(stored)) = stored {
            return Ok(Some(withdrawal_record(index, &stored)));
        }
        Ok(self
            .recent_withdrawals()
            .find(|record| record.withdrawal.index == index))
    }

    /// Number of withdrawals that blocks up to and including `block` made.
    pub fn withdrawal_count(&self, block: u64) -> Result<u64, StorageError> {
        let mut above = self.persisted_withdrawals()?;
        if block > self.persisted {
            let recent = self.recent_withdrawals().filter(|record| record.block <= block);
            return Ok(above + recent.count() as u64);
        }
        let mut below = 0;
        while below < above {
            let middle = below + (above - below) / 2;
            let Rlp(found) = self
                .reader
                .get::<Withdrawals>(&middle)?
                .ok_or_else(|| StorageError::MissingRow {
                    what: format!("withdrawal {middle}"),
                })?;
            if found.block <= block {
                below = middle + 1;
            } else {
                above = middle;
            }
        }
        Ok(below)
    }

    /// Leaves of the first `count` withdrawals, in order; fewer if there are fewer.
    pub fn withdrawal_leaves(&self, count: u64) -> Result<Vec<B256>, StorageError> {
        let mut leaves = Vec::new();
        let mut next = 0;
        while next < count {
            let limit = usize::try_from(count - next)
                .unwrap_or(usize::MAX)
                .min(WITHDRAWALS_PER_READ);
            let rows = self.reader.scan::<Withdrawals>(&next, limit)?;
            leaves.extend(
                rows.iter()
                    .map(|(index, Rlp(stored))| withdrawal_record(*index, stored).withdrawal.leaf()),
            );
            match rows.last() {
                Some((index, _)) => next = index + 1,
                None => break,
            }
        }
        let missing = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_sub(leaves.len());
        leaves.extend(
            self.recent_withdrawals()
                .take(missing)
                .map(|record| record.withdrawal.leaf()),
        );
        Ok(leaves)
    }
}

fn header(reader: &Reader, recent: &View, number: u64) -> Result<Option<Sealed<Header>>, StorageError> {
    if let Some(recent) = recent.block(number) {
        return Ok(Some(Sealed::new_unchecked(recent.block.header.clone(), recent.hash)));
    }
    let stored = reader.get::<Headers>(&number)?;
    Ok(stored.map(|Rlp(StoredHeader { hash, header })| Sealed::new_unchecked(header, hash)))
}

fn withdrawal_record(index: u64, stored: &StoredWithdrawal) -> WithdrawalRecord {
    let StoredWithdrawal {
        block,
        sender,
        recipient,
        amount,
    } = *stored;
    WithdrawalRecord {
        block,
        withdrawal: Withdrawal {
            index,
            sender,
            recipient,
            amount,
        },
    }
}
