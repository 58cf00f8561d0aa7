//! Filling an empty database with a large state at once: for benchmarks and imported states.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cwe_primitives::{Account, Block, ChainSpec, QueueHash, StateChanges};
use cwe_trie::{BulkError, Nibbles, StateRootBuilder, TrieUpdates};

use crate::{
    BlockCommit, Database, StorageError,
    codec::{AccountNodeKey, Key, SlotKey, StorageNodeKey, Value},
    commit,
    database::put_chain,
    environment::{Environment, Writer},
    tables::{AccountNodes, Accounts, CHAIN_SPEC, Codes, LOADING, Slots, StorageNodes, Table},
};

/// Rows written in one transaction; bounds its memory.
const ROWS_PER_TRANSACTION: usize = 500_000;

/// An account with its storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkAccount {
    /// Its address.
    pub address: Address,
    /// The account.
    pub account: Account,
    /// Its slots; zeros are skipped.
    pub storage: Vec<(U256, U256)>,
}

/// A state to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BulkState {
    /// Accounts in any order, each address once.
    pub accounts: Vec<BulkAccount>,
    /// Codes of the accounts, by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

impl Database {
    /// Makes `state` the genesis state of an empty database, and the block that `genesis` builds on its root the
    /// genesis block. Returns that block's hash.
    ///
    /// The load is many transactions; a database whose load was interrupted can't be opened.
    ///
    /// # Errors
    /// [`StorageError::NotEmpty`]; [`StorageError::Trie`] if an address or a slot comes twice;
    /// [`StorageError::Inconsistent`] if the block is no genesis with that root.
    pub fn bulk_load(
        &self,
        spec: &ChainSpec,
        mut state: BulkState,
        genesis: impl FnOnce(B256) -> Block,
    ) -> Result<B256, StorageError> {
        if self.environment.reader()?.meta(&CHAIN_SPEC)?.is_some() {
            return Err(StorageError::NotEmpty {
                path: self.path().to_path_buf(),
            });
        }
        state.accounts.sort_unstable_by_key(|account| account.address);
        for account in &mut state.accounts {
            account.storage.retain(|(_, value)| !value.is_zero());
            account.storage.sort_unstable();
        }
        let mut loader = Loader::start(&self.environment)?;
        loader.load_values(&state)?;
        let root = load_trie(&mut loader, &state.accounts)?;
        let block = genesis(root);
        let hash = block.header.hash_slow();
        let genesis = BlockCommit {
            block: &block,
            hash,
            senders: &[],
            receipts: &[],
            changes: &StateChanges::default(),
            trie: &TrieUpdates {
                root,
                account_nodes: Vec::new(),
                storage_nodes: Vec::new(),
            },
            queue: QueueHash::default(),
            withdrawals: &[],
        };
        commit::check_genesis(&genesis)?;
        let writer = loader.take_writer()?;
        put_chain(&writer, spec, hash)?;
        commit::write(&writer, &genesis)?;
        writer.delete_meta(&LOADING)?;
        writer.commit()?;
        Ok(hash)
    }
}

/// Appends rows, committing now and then.
struct Loader<'e> {
    environment: &'e Environment,
    /// The transaction that rows go to; the next one begins with the next row.
    writer: Option<Writer>,
    rows: usize,
    value: Vec<u8>,
}

impl<'e> Loader<'e> {
    fn start(environment: &'e Environment) -> Result<Self, StorageError> {
        let writer = environment.writer()?;
        writer.put_meta(&LOADING, &1)?;
        writer.commit()?;
        Ok(Self {
            environment,
            writer: None,
            rows: 0,
            value: Vec::new(),
        })
    }

    fn take_writer(&mut self) -> Result<Writer, StorageError> {
        self.writer.take().map_or_else(|| self.environment.writer(), Ok)
    }

    /// Adds a row that sorts after all of its table.
    fn append<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StorageError> {
        self.value.clear();
        value.encode(&mut self.value);
        let writer = self.take_writer()?;
        writer.cursor::<T>()?.append(key.encode().as_ref(), &self.value)?;
        self.rows += 1;
        if self.rows == ROWS_PER_TRANSACTION {
            self.rows = 0;
            return writer.commit();
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn load_values(&mut self, state: &BulkState) -> Result<(), StorageError> {
        for (hash, code) in &state.codes {
            self.append::<Codes>(hash, code)?;
        }
        for account in &state.accounts {
            self.append::<Accounts>(&account.address, &account.account)?;
        }
        for account in &state.accounts {
            for (slot, value) in &account.storage {
                self.append::<Slots>(
                    &SlotKey {
                        address: account.address,
                        slot: *slot,
                    },
                    value,
                )?;
            }
        }
        Ok(())
    }
}

/// Builds the state trie and returns its root.
fn load_trie(loader: &mut Loader<'_>, accounts: &[BulkAccount]) -> Result<B256, StorageError> {
    let mut by_owner: Vec<_> = accounts
        .iter()
        .map(|account| (keccak256(account.address), account))
        .collect();
    by_owner.sort_unstable_by_key(|(owner, _)| *owner);
    // Nodes come children first, which is the order of their keys.
    let mut builder = StateRootBuilder::new(|owner, path: Nibbles, node| match owner {
        None => loader.append::<AccountNodes>(&AccountNodeKey(path), &node),
        Some(owner) => loader.append::<StorageNodes>(&StorageNodeKey { owner, path }, &node),
    });
    for (owner, account) in by_owner {
        let mut storage: Vec<_> = account
            .storage
            .iter()
            .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), *value))
            .collect();
        storage.sort_unstable();
        builder.account(owner, &account.account, storage).map_err(bulk_error)?;
    }
    builder.finish().map_err(bulk_error)
}

fn bulk_error(error: BulkError<StorageError>) -> StorageError {
    match error {
        BulkError::Emit(error) => error,
        unsorted => StorageError::Trie(unsorted.to_string()),
    }
}
