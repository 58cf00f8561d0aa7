//! The state: one account trie, and a storage trie for each account that has storage.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::encode_fixed_size;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use cwe_primitives::{AccountChange, StateChanges};

use crate::fork::{Fork, Sequential};
use crate::lanes::keccak256_each;
use crate::update::{Change, Trie};
use crate::writer::NodeWriter;
use crate::{AccountLeaf, NodeSource, TrieError};

/// Nodes of one trie that differ, sorted by path, each path once; `None` for a path where no node lies any more.
///
/// Every node of 32 bytes or more, branch, extension or leaf, lies at its path; smaller ones are inside their parent
/// and don't appear.
pub type ChangedNodes = Vec<(Nibbles, Option<Bytes>)>;

/// What a block changes in the tries: what a store by path has to write to go from one root to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrieUpdates {
    /// State root after the changes.
    pub root: B256,
    /// Nodes of the account trie.
    pub account_nodes: ChangedNodes,
    /// Nodes of storage tries by owner (Keccak of the address), sorted by owner; no owner without nodes.
    pub storage_nodes: Vec<(B256, ChangedNodes)>,
}

/// Applies changes on the state under `parent_root`.
///
/// # Errors
/// [`TrieError`] if a node is missing or malformed, if the source fails, if a `previous` in `changes` isn't what the
/// trie holds, or if an account is deleted with storage left.
pub fn update_state<S: NodeSource>(
    source: &S,
    parent_root: B256,
    changes: &StateChanges,
) -> Result<TrieUpdates, TrieError<S::Error>> {
    let mut out = NodeWriter::keeping();
    let root = apply_state::<S, Sequential>(source, parent_root, changes, &mut out)?;
    Ok(out.into_updates(root))
}

/// [`update_state`] on all cores, for sources that several threads can read. Small updates stay on one thread.
///
/// # Errors
/// As [`update_state`].
#[cfg(feature = "std")]
pub fn update_state_parallel<S>(
    source: &S,
    parent_root: B256,
    changes: &StateChanges,
) -> Result<TrieUpdates, TrieError<S::Error>>
where
    S: NodeSource<Error: Send> + Sync,
{
    let mut out = NodeWriter::keeping();
    let root = apply_state::<S, crate::fork::Parallel>(source, parent_root, changes, &mut out)?;
    Ok(out.into_updates(root))
}

/// The root that [`update_state`] finds, without keeping the nodes: for whoever checks one block and stores nothing.
///
/// # Errors
/// As [`update_state`].
pub fn state_root_after<S: NodeSource>(
    source: &S,
    parent_root: B256,
    changes: &StateChanges,
) -> Result<B256, TrieError<S::Error>> {
    apply_state::<S, Sequential>(source, parent_root, changes, &mut NodeWriter::default())
}

pub(crate) fn apply_state<S: NodeSource, F: Fork<S>>(
    source: &S,
    parent_root: B256,
    changes: &StateChanges,
    out: &mut NodeWriter,
) -> Result<B256, TrieError<S::Error>> {
    let addresses: Vec<_> = changes.accounts.keys().collect();
    let mut accounts: Vec<_> = keccak256_each(&addresses)
        .into_iter()
        .zip(changes.accounts.values())
        .map(|(owner, change)| AccountUpdate::new(owner, change))
        .collect();
    accounts.sort_unstable_by_key(|account| account.owner);
    Trie::<S, F>::new(source, None).update(parent_root, &accounts, out)
}

/// A changed account on its way to its leaf, where its storage is updated too.
struct AccountUpdate<'a> {
    owner: B256,
    key: Nibbles,
    change: &'a AccountChange,
}

impl<'a> AccountUpdate<'a> {
    fn new(owner: B256, change: &'a AccountChange) -> Self {
        Self {
            owner,
            key: Nibbles::unpack_array(&owner.0),
            change,
        }
    }

    fn storage_root<S: NodeSource, F: Fork<S>>(
        &self,
        source: &S,
        previous_root: B256,
        out: &mut NodeWriter,
    ) -> Result<B256, TrieError<S::Error>> {
        if self.change.storage.is_empty() {
            return Ok(previous_root);
        }
        let storage = &self.change.storage;
        let words: Vec<_> = storage.keys().map(|slot| slot.to_be_bytes::<32>()).collect();
        let mut slots: Vec<_> = keccak256_each(&words)
            .into_iter()
            .zip(storage.values())
            .map(|(key, change)| SlotUpdate::new(key, change.previous, change.current))
            .collect();
        slots.sort_unstable_by_key(|slot| slot.key);
        let mut storage_out = out.fork();
        let root = Trie::<S, F>::new(source, Some(self.owner)).update(previous_root, &slots, &mut storage_out)?;
        out.add_storage(self.owner, storage_out);
        Ok(root)
    }
}

impl Change for AccountUpdate<'_> {
    fn key(&self) -> &Nibbles {
        &self.key
    }

    fn weight(&self) -> usize {
        1 + self.change.storage.len()
    }

    fn apply<S: NodeSource, F: Fork<S>>(
        &self,
        trie: &Trie<'_, S, F>,
        old: Option<&[u8]>,
        out: &mut NodeWriter,
    ) -> Result<Option<Vec<u8>>, TrieError<S::Error>> {
        let old = old.map(|value| AccountLeaf::decode(value, &self.key)).transpose()?;
        if old.map(|leaf| leaf.account) != self.change.previous {
            return Err(TrieError::StaleChange {
                owner: None,
                key: self.key,
            });
        }
        let previous_root = old.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
        let storage_root = self.storage_root::<S, F>(trie.source, previous_root, out)?;
        match self.change.current {
            Some(account) => Ok(Some(AccountLeaf { account, storage_root }.encode())),
            None if storage_root == EMPTY_ROOT_HASH => Ok(None),
            None => Err(TrieError::StorageRemains {
                owner: self.owner,
                root: storage_root,
            }),
        }
    }
}

/// A changed slot on its way to its leaf.
struct SlotUpdate {
    key: Nibbles,
    previous: U256,
    current: U256,
}

impl SlotUpdate {
    fn new(key: B256, previous: U256, current: U256) -> Self {
        Self {
            key: Nibbles::unpack_array(&key.0),
            previous,
            current,
        }
    }
}

impl Change for SlotUpdate {
    fn key(&self) -> &Nibbles {
        &self.key
    }

    fn weight(&self) -> usize {
        1
    }

    fn apply<S: NodeSource, F: Fork<S>>(
        &self,
        trie: &Trie<'_, S, F>,
        old: Option<&[u8]>,
        _out: &mut NodeWriter,
    ) -> Result<Option<Vec<u8>>, TrieError<S::Error>> {
        let expected = (!self.previous.is_zero()).then(|| encode_fixed_size(&self.previous));
        if old != expected.as_deref() {
            return Err(TrieError::StaleChange {
                owner: trie.owner,
                key: self.key,
            });
        }
        Ok((!self.current.is_zero()).then(|| alloy_rlp::encode(self.current)))
    }
}
