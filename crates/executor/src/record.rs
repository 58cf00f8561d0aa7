//! Making witnesses: execute once on a full state, remember what was read.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cell::{Cell, RefCell};

use alloy_consensus::Header;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map},
};
use cwe_primitives::{ChainSpec, StateChanges};
use cwe_trie::{AccountLeaf, EMPTY_ROOT_HASH, Nibbles, NodeSource, Recorder, TrieError, TrieUpdates, WitnessNodes};
use revm::{DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};

use crate::{
    backend::{BackendError, StateBackend},
    error::BlockError,
    state::account_info,
    transition::{BlockInput, ExecutedBlock, Parent, execute_block},
    witness::Witness,
};

/// Why no witness can be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordError<E: core::error::Error + 'static> {
    /// A block can't be executed.
    #[error(transparent)]
    Block(#[from] BlockError<RecordingError<E>>),
    /// A header can't be read.
    #[error("header can't be read: {0}")]
    Header(#[source] E),
}

/// Why a recorded state can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError<E: core::error::Error + 'static> {
    /// The backend's flat state, codes or hashes can't be read.
    #[error(transparent)]
    Backend(E),
    /// A code is no bytecode.
    #[error("the code with hash {0} is no bytecode")]
    BadCode(B256),
    /// The backend's trie can't be read.
    #[error(transparent)]
    Trie(TrieError<E>),
}

impl<E: core::error::Error + Send + Sync + 'static> DBErrorMarker for RecordingError<E> {}

/// Executes consecutive blocks on `backend`, the state after `parent`, and gives the witness with which
/// [`WitnessState`](crate::WitnessState) executes them again.
///
/// `header` reads an ancestor's header by number.
///
/// # Errors
/// [`RecordError`].
pub fn record_witness<B: StateBackend>(
    spec: &ChainSpec,
    parent: &Parent,
    inputs: impl IntoIterator<Item = BlockInput>,
    backend: &B,
    header: impl Fn(u64) -> Result<Header, BackendError<B>>,
) -> Result<(Witness, Vec<ExecutedBlock>), RecordError<BackendError<B>>> {
    let mut recording = Recording::new(backend, parent);
    let mut last = parent.clone();
    let mut blocks = Vec::new();
    for input in inputs {
        let block = execute_block(spec, &last, input, &recording)?;
        recording.apply(&block);
        last = block.as_parent();
        blocks.push(block);
    }
    let headers = (recording.oldest.get()..parent.header.number)
        .map(&header)
        .chain([Ok(parent.header.clone())])
        .collect::<Result<_, _>>()
        .map_err(RecordError::Header)?;
    let (nodes, codes) = recording.into_parts();
    Ok((Witness { headers, nodes, codes }, blocks))
}

/// A backend that is read the way a witness will be, and remembers it. What executed blocks changed lies above it.
struct Recording<'a, B> {
    backend: &'a B,
    recorder: Recorder<'a, B>,
    state_root: B256,
    parent_number: u64,
    nodes: WitnessNodes,
    new_codes: B256Map<Bytes>,
    new_hashes: BTreeMap<u64, B256>,
    read_codes: RefCell<BTreeMap<B256, Bytes>>,
    oldest: Cell<u64>,
    storage: RefCell<AddressMap<StorageRef>>,
}

impl<'a, B: StateBackend> Recording<'a, B> {
    fn new(backend: &'a B, parent: &Parent) -> Self {
        Self {
            backend,
            recorder: Recorder::new(backend),
            state_root: backend.state_root(),
            parent_number: parent.header.number,
            nodes: WitnessNodes::default(),
            new_codes: Default::default(),
            new_hashes: BTreeMap::from([(parent.header.number, parent.hash)]),
            read_codes: Default::default(),
            oldest: Cell::new(parent.header.number),
            storage: Default::default(),
        }
    }

    fn apply(&mut self, block: &ExecutedBlock) {
        self.nodes.apply(&block.trie);
        self.new_codes
            .extend(block.changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        self.new_hashes.insert(block.block.header.number, block.hash);
        self.state_root = block.trie.root;
        self.storage.take();
    }

    fn into_parts(self) -> (Vec<Bytes>, Vec<Bytes>) {
        (
            self.recorder.into_nodes(),
            self.read_codes.into_inner().into_values().collect(),
        )
    }

    fn leaf(&self, address: Address) -> Result<(StorageRef, Option<AccountLeaf>), RecordingError<BackendError<B>>> {
        let owner = keccak256(address);
        let leaf = cwe_trie::read_account(&Layers(self), self.state_root, owner).map_err(RecordingError::Trie)?;
        let storage = StorageRef::new(owner, leaf.as_ref());
        self.storage.borrow_mut().insert(address, storage);
        Ok((storage, leaf))
    }
}

/// Nodes of executed blocks over those of the backend: only the latter are part of the witness.
struct Layers<'r, 'a, B>(&'r Recording<'a, B>);

impl<B: StateBackend> NodeSource for Layers<'_, '_, B> {
    type Error = BackendError<B>;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        match self.0.nodes.node(owner, path, hash) {
            Ok(Some(node)) => Ok(Some(node)),
            Ok(None) => self.0.recorder.node(owner, path, hash),
        }
    }
}

impl<B: StateBackend> DatabaseRef for Recording<'_, B> {
    type Error = RecordingError<BackendError<B>>;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let (_, leaf) = self.leaf(address)?;
        Ok(leaf.map(|leaf| account_info(leaf.account)))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.new_codes.get(&code_hash) {
            return Bytecode::new_raw_checked(code.clone()).map_err(|_| RecordingError::BadCode(code_hash));
        }
        let code = self
            .backend
            .code_by_hash_ref(code_hash)
            .map_err(RecordingError::Backend)?;
        self.read_codes.borrow_mut().insert(code_hash, code.original_bytes());
        Ok(code)
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        let known = self.storage.borrow().get(&address).copied();
        let storage = match known {
            Some(storage) => storage,
            None => self.leaf(address)?.0,
        };
        cwe_trie::read_slot(&Layers(self), storage.owner, storage.root, index).map_err(RecordingError::Trie)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        if let Some(hash) = self.new_hashes.get(&number) {
            return Ok(*hash);
        }
        self.oldest.set(self.oldest.get().min(number).min(self.parent_number));
        self.backend.block_hash_ref(number).map_err(RecordingError::Backend)
    }
}

impl<B: StateBackend> NodeSource for Recording<'_, B> {
    type Error = RecordingError<BackendError<B>>;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        Layers(self).node(owner, path, hash).map_err(RecordingError::Backend)
    }
}

impl<B: StateBackend> StateBackend for Recording<'_, B> {
    fn state_root(&self) -> B256 {
        self.state_root
    }

    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<BackendError<Self>>> {
        cwe_trie::update_state(self, self.state_root, changes)
    }
}

/// Where an account has its storage.
#[derive(Debug, Clone, Copy)]
struct StorageRef {
    owner: B256,
    root: B256,
}

impl StorageRef {
    fn new(owner: B256, leaf: Option<&AccountLeaf>) -> Self {
        Self {
            owner,
            root: leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root),
        }
    }
}
