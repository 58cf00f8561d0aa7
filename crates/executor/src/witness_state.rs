//! The state behind a witness.

use alloc::collections::BTreeMap;
use core::cell::RefCell;

use alloy_consensus::Header;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map},
};
use cwe_primitives::{ChainSpec, QueueHash, StateChanges};
use cwe_trie::{AccountLeaf, EMPTY_ROOT_HASH, Nibbles, NodeSource, TrieError, TrieUpdates, WitnessNodes};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use crate::{
    backend::StateBackend,
    error::BlockError,
    seal::{SealedBlock, seal},
    state::account_info,
    transition::{BlockInput, ExecutedBlock, Parent, run_block},
    witness::{MAX_WITNESS_HEADERS, Witness, WitnessError},
};

/// State read through the trie nodes of a witness.
///
/// Everything is bound to the parent's hash: older headers by their hashes, nodes by the state root, codes by the code
/// hashes in the nodes. Whoever trusts that hash trusts what execution on this state finds. A part that is missing is an
/// error when it is asked for, never a guess.
#[derive(Debug, Clone)]
pub struct WitnessState {
    parent: Header,
    parent_hash: B256,
    state_root: B256,
    nodes: WitnessNodes,
    codes: B256Map<Bytes>,
    block_hashes: BTreeMap<u64, B256>,
    /// Where each account read so far has its storage.
    storage: RefCell<AddressMap<StorageRef>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct StorageRef {
    pub(crate) owner: B256,
    pub(crate) root: B256,
}

impl StorageRef {
    pub(crate) fn new(owner: B256, leaf: Option<&AccountLeaf>) -> Self {
        Self {
            owner,
            root: leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root),
        }
    }
}

impl WitnessState {
    /// Checks a witness's headers and files its nodes and codes by their hashes.
    ///
    /// # Errors
    /// No parent, too many headers, or headers that are no chain.
    pub fn new(witness: Witness) -> Result<Self, WitnessError> {
        let count = witness.headers.len();
        if count > MAX_WITNESS_HEADERS {
            return Err(WitnessError::HeaderCount(count));
        }
        let mut block_hashes = BTreeMap::new();
        let mut last: Option<(Header, B256)> = None;
        for header in witness.headers {
            if let Some((before, hash)) = &last
                && (header.parent_hash != *hash || before.number.checked_add(1) != Some(header.number))
            {
                return Err(WitnessError::BrokenHeaderChain { number: header.number });
            }
            let hash = header.hash_slow();
            block_hashes.insert(header.number, hash);
            last = Some((header, hash));
        }
        let (parent, parent_hash) = last.ok_or(WitnessError::HeaderCount(0))?;
        Ok(Self {
            state_root: parent.state_root,
            parent,
            parent_hash,
            nodes: WitnessNodes::new(witness.nodes),
            codes: witness.codes.into_iter().map(|code| (keccak256(&code), code)).collect(),
            block_hashes,
            storage: RefCell::default(),
        })
    }

    /// The block that this is the state after.
    pub const fn parent(&self) -> &Header {
        &self.parent
    }

    /// Its hash.
    pub const fn parent_hash(&self) -> B256 {
        self.parent_hash
    }

    /// Goes on to the state after `block`, which was executed on this one.
    pub fn apply(&mut self, block: &ExecutedBlock) {
        self.nodes.apply(&block.trie);
        self.codes
            .extend(block.changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        self.block_hashes.insert(block.block.header.number, block.hash);
        self.state_root = block.trie.root;
        self.parent = block.block.header.clone();
        self.parent_hash = block.hash;
        self.storage.take();
    }

    /// Executes the next block and goes on to the state after it; `queue` is the L1 queue before it. Each new node is
    /// hashed once, where [`execute_block`](crate::execute_block) and [`Self::apply`] hash it twice.
    ///
    /// # Errors
    /// As [`execute_block`](crate::execute_block). The state is then as it was, or lacks nothing that it had.
    pub fn execute(
        &mut self,
        spec: &ChainSpec,
        queue: QueueHash,
        input: BlockInput,
    ) -> Result<SealedBlock, BlockError<WitnessError>> {
        let parent = Parent {
            header: self.parent.clone(),
            hash: self.parent_hash,
            queue,
        };
        let (outcome, transactions) = run_block(spec, &parent, input, &*self)?;
        let state_root = self
            .nodes
            .update_state(self.state_root, &outcome.changes)
            .map_err(|error| BlockError::Database(error.into()))?;
        let (block, hash) = seal(&outcome, transactions, state_root).into_parts();
        self.codes.extend(outcome.changes.codes);
        self.block_hashes.insert(block.header.number, hash);
        self.state_root = state_root;
        self.parent = block.header.clone();
        self.parent_hash = hash;
        self.storage.take();
        Ok(SealedBlock {
            header: block.header,
            hash,
            queue: outcome.queue,
            withdrawal_root: outcome.withdrawal_root,
        })
    }

    fn leaf(&self, address: Address) -> Result<(StorageRef, Option<AccountLeaf>), WitnessError> {
        let owner = keccak256(address);
        let leaf = cwe_trie::read_account(&self.nodes, self.state_root, owner)?;
        let storage = StorageRef::new(owner, leaf.as_ref());
        self.storage.borrow_mut().insert(address, storage);
        Ok((storage, leaf))
    }
}

impl DatabaseRef for WitnessState {
    type Error = WitnessError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let (_, leaf) = self.leaf(address)?;
        Ok(leaf.map(|leaf| account_info(leaf.account)))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        let code = self
            .codes
            .get(&code_hash)
            .cloned()
            .ok_or(WitnessError::MissingCode(code_hash))?;
        Bytecode::new_raw_checked(code).map_err(|_| WitnessError::BadCode(code_hash))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        let known = self.storage.borrow().get(&address).copied();
        let storage = match known {
            Some(storage) => storage,
            None => self.leaf(address)?.0,
        };
        Ok(cwe_trie::read_slot(&self.nodes, storage.owner, storage.root, index)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.block_hashes
            .get(&number)
            .copied()
            .ok_or(WitnessError::MissingHeader(number))
    }
}

impl NodeSource for WitnessState {
    type Error = WitnessError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        self.nodes.node(owner, path, hash).map_err(|never| match never {})
    }
}

impl StateBackend for WitnessState {
    fn state_root(&self) -> B256 {
        self.state_root
    }

    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<WitnessError>> {
        cwe_trie::update_state(self, self.state_root, changes)
    }
}
