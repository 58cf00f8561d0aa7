//! Reading one account or one slot by walking down from a root.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use cwe_primitives::Account;

use crate::node::{Child, Node};
use crate::{NodeSource, TrieError};

/// What the account trie holds for an account: RLP of nonce, balance, storage root, code hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLeaf {
    /// The account itself.
    pub account: Account,
    /// Root of its storage trie; [`EMPTY_ROOT_HASH`] without storage.
    pub storage_root: B256,
}

impl AccountLeaf {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Account {
            nonce,
            balance,
            code_hash,
        } = self.account;
        alloy_rlp::encode(TrieAccount {
            nonce,
            balance,
            storage_root: self.storage_root,
            code_hash,
        })
    }

    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let TrieAccount {
            nonce,
            balance,
            storage_root,
            code_hash,
        } = alloy_rlp::decode_exact(value).ok()?;
        Some(Self {
            account: Account {
                nonce,
                balance,
                code_hash,
            },
            storage_root,
        })
    }

    pub(crate) fn decode<E: core::error::Error>(value: &[u8], key: &Nibbles) -> Result<Self, TrieError<E>> {
        Self::parse(value).ok_or(TrieError::BadNode {
            owner: None,
            path: *key,
            reason: "the leaf holds no account",
        })
    }
}

/// Reads an account of the state under `state_root`; `None` if there is none. `owner` is the Keccak of its address.
///
/// # Errors
/// [`TrieError`] if a node on the way is missing or malformed, or the source fails.
pub fn read_account<S: NodeSource>(
    source: &S,
    state_root: B256,
    owner: B256,
) -> Result<Option<AccountLeaf>, TrieError<S::Error>> {
    let key = Nibbles::unpack_array(&owner.0);
    let value = walk(source, None, state_root, &key, |_| {})?;
    value.map(|value| AccountLeaf::decode(&value, &key)).transpose()
}

/// Reads a slot of the storage trie under `storage_root`, zero if absent. `owner` is the Keccak of the address.
///
/// # Errors
/// As [`read_account`].
pub fn read_slot<S: NodeSource>(
    source: &S,
    owner: B256,
    storage_root: B256,
    slot: U256,
) -> Result<U256, TrieError<S::Error>> {
    // Checked here too, before the slot is hashed: most accounts have no storage.
    if storage_root == EMPTY_ROOT_HASH {
        return Ok(U256::ZERO);
    }
    let key = slot_key(slot);
    let value = walk(source, Some(owner), storage_root, &key, |_| {})?;
    value.map_or(Ok(U256::ZERO), |value| decode_slot(&value, owner, &key))
}

pub(crate) fn slot_key(slot: U256) -> Nibbles {
    Nibbles::unpack_array(&keccak256(slot.to_be_bytes::<32>()).0)
}

pub(crate) fn decode_slot<E: core::error::Error>(
    value: &[u8],
    owner: B256,
    key: &Nibbles,
) -> Result<U256, TrieError<E>> {
    parse_slot(value).ok_or(TrieError::BadNode {
        owner: Some(owner),
        path: *key,
        reason: "the leaf holds no slot value",
    })
}

pub(crate) fn parse_slot(value: &[u8]) -> Option<U256> {
    alloy_rlp::decode_exact(value)
        .ok()
        .filter(|value: &U256| !value.is_zero())
}

/// Walks from `root` towards `key`, shows every node that is hashed on the way to `visit`, and returns the value.
pub(crate) fn walk<S: NodeSource>(
    source: &S,
    owner: Option<B256>,
    root: B256,
    key: &Nibbles,
    mut visit: impl FnMut(&Bytes),
) -> Result<Option<Bytes>, TrieError<S::Error>> {
    if root == EMPTY_ROOT_HASH {
        return Ok(None);
    }
    let mut path = Nibbles::new();
    let mut rlp = fetch(source, owner, &path, root)?;
    visit(&rlp);
    loop {
        let bad = |reason| TrieError::BadNode { owner, path, reason };
        let (length, child) = match Node::parse(&rlp, path.len()).map_err(bad)? {
            Node::Leaf { key: rest, value } => {
                let found = key.slice(path.len()..) == rest;
                return Ok(found.then(|| rlp.slice_ref(value)));
            }
            Node::Extension { key: part, child } if key.slice(path.len()..).starts_with(&part) => (part.len(), child),
            Node::Extension { .. } => return Ok(None),
            Node::Branch(children) => (1, children[usize::from(key.get_unchecked(path.len()))]),
        };
        let child_path = key.slice(..path.len() + length);
        rlp = match Child::parse(child).map_err(bad)? {
            Child::Empty => return Ok(None),
            Child::Embedded(inner) => rlp.slice_ref(inner),
            Child::Hash(hash) => {
                let node = fetch(source, owner, &child_path, hash)?;
                visit(&node);
                node
            }
        };
        path = child_path;
    }
}

pub(crate) fn fetch<S: NodeSource>(
    source: &S,
    owner: Option<B256>,
    path: &Nibbles,
    hash: B256,
) -> Result<Bytes, TrieError<S::Error>> {
    source
        .node(owner, path, hash)
        .map_err(TrieError::Source)?
        .ok_or(TrieError::MissingNode {
            owner,
            path: *path,
            hash,
        })
}
