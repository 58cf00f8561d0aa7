//! Immutable views of the chain after some block.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Sealed, U256};
use cwe_primitives::{Account, Block, BlockBody, QueueHash, Receipt, Withdrawal};

use crate::{
    StorageError, TransactionLocation, WithdrawalRecord,
    codec::{Rlp, SlotKey},
    database::latest_of,
    environment::Reader,
    history,
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
    head: Sealed<Header>,
    latest: u64,
    oldest: u64,
}

impl Snapshot {
    pub(crate) fn latest(reader: Reader) -> Result<Self, StorageError> {
        let latest = latest_of(&reader)?.number;
        Self::at(reader, latest)
    }

    pub(crate) fn at(reader: Reader, block: u64) -> Result<Self, StorageError> {
        let latest = latest_of(&reader)?.number;
        let oldest = reader.meta(&OLDEST_STATE)?.unwrap_or_default();
        if !(oldest..=latest).contains(&block) {
            return Err(StorageError::PrunedHistory {
                asked: block,
                oldest,
                latest,
            });
        }
        let head = header(&reader, block)?.ok_or_else(|| StorageError::MissingRow {
            what: format!("header {block}"),
        })?;
        Ok(Self {
            reader,
            head,
            latest,
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
        header(&self.reader, number)
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
        self.reader.get::<Numbers>(&hash)
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
        Ok(self.reader.get::<Bodies>(&number)?.map(|Rlp(body)| body))
    }

    /// Senders of a block's transactions, in order.
    pub fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, StorageError> {
        self.reader.get::<Senders>(&number)
    }

    /// Receipts of a block, in order.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StorageError> {
        Ok(self.reader.get::<Receipts>(&number)?.map(|Rlp(receipts)| receipts))
    }

    /// Where a transaction is, by its hash.
    pub fn transaction_location(&self, hash: B256) -> Result<Option<TransactionLocation>, StorageError> {
        self.reader.get::<Transactions>(&hash)
    }

    /// The L1 queue as far as the blocks up to `number` took it.
    pub fn queue_after(&self, number: u64) -> Result<Option<QueueHash>, StorageError> {
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
        self.reader.get::<Codes>(&hash)
    }

    /// A row of the state after [`Self::number`].
    pub(crate) fn state<T: StateTable>(&self, key: &T::Key) -> Result<Option<T::Value>, StorageError> {
        if self.head.number == self.latest {
            return self.reader.get::<T>(key);
        }
        history::value_at::<T, _>(&self.reader, key, self.head.number)
    }

    /// A withdrawal by its index.
    pub fn withdrawal(&self, index: u64) -> Result<Option<WithdrawalRecord>, StorageError> {
        Ok(self
            .reader
            .get::<Withdrawals>(&index)?
            .map(|Rlp(stored)| withdrawal_record(index, &stored)))
    }

    /// Number of withdrawals that blocks up to and including `block` made.
    pub fn withdrawal_count(&self, block: u64) -> Result<u64, StorageError> {
        let mut above = self.reader.last::<Withdrawals>()?.map_or(0, |(index, _)| index + 1);
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
        Ok(leaves)
    }
}

fn header(reader: &Reader, number: u64) -> Result<Option<Sealed<Header>>, StorageError> {
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
