//! The open block as readers see it: an immutable snapshot, replaced as a whole when transactions are durable.

use std::sync::Arc;

use alloy::{
    consensus::{Header, transaction::Recovered},
    primitives::{Address, B256, Bloom, Bytes, U256},
};
use cwe_executor::{BlockContext, ExecutedTx, TxChanges, header};
use cwe_primitives::{Account, Receipt, TxEnvelope};
use cwe_storage::{Snapshot, StorageError};
use imbl::{HashMap, Vector};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

/// A transaction executed on the open block. It stays at its place: the block is sealed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTransaction {
    /// The transaction with its sender.
    pub transaction: Recovered<TxEnvelope>,
    /// Its hash.
    pub hash: B256,
    /// Receipt, with cumulative gas of the block.
    pub receipt: Receipt,
    /// Gas this transaction used.
    pub gas_used: u64,
    /// What it paid per gas, CLN wei.
    pub effective_gas_price: u128,
    /// Contract that it created.
    pub contract_address: Option<Address>,
    /// Position in the block.
    pub index: u64,
    /// Position in the block of its first log.
    pub first_log_index: u64,
}

/// The open block and the state after its last transaction. Implements [`DatabaseRef`], so that calls run on it.
#[derive(Clone)]
pub struct PendingBlock {
    context: BlockContext,
    parent: Arc<Snapshot>,
    transactions: Vector<Arc<PendingTransaction>>,
    positions: HashMap<B256, usize>,
    accounts: HashMap<Address, Option<Account>>,
    slots: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytecode>,
    gas_used: u64,
    logs_bloom: Bloom,
    log_count: u64,
}

impl std::fmt::Debug for PendingBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingBlock")
            .field("context", &self.context)
            .field("transactions", &self.transactions.len())
            .field("gas_used", &self.gas_used)
            .finish_non_exhaustive()
    }
}

impl PendingBlock {
    /// A block without transactions on the state of its parent, after the system call's changes.
    pub(crate) fn new(context: BlockContext, parent: Arc<Snapshot>, system: &TxChanges) -> Self {
        let mut block = Self {
            context,
            parent,
            transactions: Vector::new(),
            positions: HashMap::new(),
            accounts: HashMap::new(),
            slots: HashMap::new(),
            codes: HashMap::new(),
            gas_used: 0,
            logs_bloom: Bloom::ZERO,
            log_count: 0,
        };
        block.apply(system);
        block
    }

    /// Appends an executed transaction.
    pub(crate) fn push(&mut self, transaction: Recovered<TxEnvelope>, executed: ExecutedTx) -> Arc<PendingTransaction> {
        let hash = transaction.inner().hash();
        let index = self.transactions.len();
        let pending = Arc::new(PendingTransaction {
            transaction,
            hash,
            gas_used: executed.gas_used,
            effective_gas_price: executed.effective_gas_price,
            contract_address: executed.contract_address,
            index: index as u64,
            first_log_index: self.log_count,
            receipt: executed.receipt,
        });
        self.gas_used = pending.receipt.cumulative_gas_used;
        self.logs_bloom |= executed.bloom;
        self.log_count += pending.receipt.logs.len() as u64;
        self.transactions.push_back(Arc::clone(&pending));
        self.positions.insert(hash, index);
        self.apply(&executed.changes);
        pending
    }

    fn apply(&mut self, changes: &TxChanges) {
        for (address, change) in &changes.accounts {
            self.accounts.insert(*address, change.account);
            for (slot, value) in &change.slots {
                self.slots.insert((*address, *slot), *value);
            }
            if let (Some(code), Some(account)) = (&change.code, change.account) {
                self.codes.insert(account.code_hash, code.clone());
            }
        }
    }

    /// Number, timestamp, base fee and the rest of what the open block's transactions see.
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// Block number.
    pub const fn number(&self) -> u64 {
        self.context.number
    }

    /// Header as far as it is known: roots are zero, the hash has no meaning.
    pub fn header(&self) -> Header {
        Header {
            state_root: B256::ZERO,
            transactions_root: B256::ZERO,
            receipts_root: B256::ZERO,
            logs_bloom: self.logs_bloom,
            gas_used: self.gas_used,
            ..header(&self.context)
        }
    }

    /// Hash of the block below.
    pub const fn parent_hash(&self) -> B256 {
        self.context.parent_hash
    }

    /// The state below the open block.
    pub const fn parent_state(&self) -> &Arc<Snapshot> {
        &self.parent
    }

    /// Number of transactions.
    pub fn len(&self) -> usize {
        self.transactions.len()
    }

    /// Whether there is no transaction yet.
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Transactions, in order.
    pub fn transactions(&self) -> impl Iterator<Item = &Arc<PendingTransaction>> {
        self.transactions.iter()
    }

    /// One transaction by position.
    pub fn transaction(&self, index: usize) -> Option<&Arc<PendingTransaction>> {
        self.transactions.get(index)
    }

    /// One transaction by hash.
    pub fn by_hash(&self, hash: &B256) -> Option<&Arc<PendingTransaction>> {
        self.transactions.get(*self.positions.get(hash)?)
    }

    /// An account after the last transaction.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StorageError> {
        match self.accounts.get(&address) {
            Some(account) => Ok(*account),
            None => self.parent.account(address),
        }
    }

    /// A storage slot after the last transaction.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        match self.slots.get(&(address, slot)) {
            Some(value) => Ok(*value),
            None => self.parent.slot(address, slot),
        }
    }

    /// A code by hash; `None` if no account has it.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StorageError> {
        match self.codes.get(&hash) {
            Some(code) => Ok(Some(code.original_bytes())),
            None => self.parent.code(hash),
        }
    }
}

impl DatabaseRef for PendingBlock {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StorageError> {
        match self.accounts.get(&address) {
            None => self.parent.basic_ref(address),
            Some(None) => Ok(None),
            Some(Some(account)) => Ok(Some(AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                code: self.codes.get(&account.code_hash).cloned(),
                ..AccountInfo::default()
            })),
        }
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StorageError> {
        match self.codes.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.parent.code_by_hash_ref(code_hash),
        }
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StorageError> {
        self.slot(address, index)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StorageError> {
        self.parent.block_hash_ref(number)
    }
}
