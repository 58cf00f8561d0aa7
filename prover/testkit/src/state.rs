//! A whole state in memory.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use cwe_executor::{BackendError, ExecutedBlock, StateBackend};
use cwe_primitives::{Account, StateChanges};
use cwe_trie::{EMPTY_ROOT_HASH, Nibbles, NodeSource, TrieError, TrieUpdates, WitnessNodes};
use revm::{DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};

/// Something that the state doesn't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state in memory has no {0}")]
pub struct MemoryError(&'static str);

impl DBErrorMarker for MemoryError {}

/// Values, and the trie nodes of every state that the chain went through.
#[derive(Debug, Clone)]
pub struct MemoryState {
    accounts: BTreeMap<Address, (Account, BTreeMap<U256, U256>)>,
    codes: BTreeMap<B256, Bytes>,
    headers: BTreeMap<u64, Header>,
    nodes: WitnessNodes,
    root: B256,
}

impl MemoryState {
    /// The state after a first block.
    pub(crate) fn new(changes: &StateChanges, trie: &TrieUpdates, header: &Header) -> Self {
        let mut state = Self {
            accounts: BTreeMap::new(),
            codes: BTreeMap::new(),
            headers: BTreeMap::new(),
            nodes: WitnessNodes::default(),
            root: EMPTY_ROOT_HASH,
        };
        state.apply(changes, trie, header);
        state
    }

    pub(crate) fn apply_block(&mut self, block: &ExecutedBlock) {
        self.apply(&block.changes, &block.trie, &block.block.header);
    }

    fn apply(&mut self, changes: &StateChanges, trie: &TrieUpdates, header: &Header) {
        for (address, change) in &changes.accounts {
            let Some(current) = change.current else {
                self.accounts.remove(address);
                continue;
            };
            let (account, slots) = self.accounts.entry(*address).or_default();
            *account = current;
            slots.extend(change.storage.iter().map(|(slot, value)| (*slot, value.current)));
        }
        self.codes.extend(changes.codes.clone());
        self.headers.insert(header.number, header.clone());
        self.nodes.apply(trie);
        self.root = trie.root;
    }

    /// The header of a block.
    pub(crate) fn header(&self, number: u64) -> Result<Header, MemoryError> {
        self.headers.get(&number).cloned().ok_or(MemoryError("header"))
    }

    /// An account's nonce.
    pub fn nonce(&self, address: Address) -> u64 {
        self.accounts.get(&address).map_or(0, |(account, _)| account.nonce)
    }
}

impl DatabaseRef for MemoryState {
    type Error = MemoryError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.accounts.get(&address).map(|(account, _)| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        self.codes
            .get(&code_hash)
            .cloned()
            .and_then(|code| Bytecode::new_raw_checked(code).ok())
            .ok_or(MemoryError("code"))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        let slots = self.accounts.get(&address).map(|(_, slots)| slots);
        Ok(slots.and_then(|slots| slots.get(&index)).copied().unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        Ok(self.header(number)?.hash_slow())
    }
}

impl NodeSource for MemoryState {
    type Error = MemoryError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        self.nodes.node(owner, path, hash).map_err(|never| match never {})
    }
}

impl StateBackend for MemoryState {
    fn state_root(&self) -> B256 {
        self.root
    }

    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<BackendError<Self>>> {
        cwe_trie::update_state(self, self.root, changes)
    }
}
