//! EIP-1186 proofs: the nodes from a root to a value, or to where it would be.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::Nibbles;

use crate::read::{decode_slot, slot_key, walk};
use crate::{AccountLeaf, NodeSource, TrieError};

/// That an account is, or isn't, in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProof {
    /// The account; `None` if the proof is of its absence.
    pub leaf: Option<AccountLeaf>,
    /// RLP of the nodes, root first; empty under the empty root.
    pub nodes: Vec<Bytes>,
}

/// That a slot has a value, zero included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageProof {
    /// The value; zero if the proof is of absence.
    pub value: U256,
    /// RLP of the nodes, root first; empty under the empty root.
    pub nodes: Vec<Bytes>,
}

/// Proves an account, or its absence, under `state_root`. `owner` is the Keccak of the address.
///
/// # Errors
/// [`TrieError`] if a node on the way is missing or malformed, or the source fails.
pub fn account_proof<S: NodeSource>(
    source: &S,
    state_root: B256,
    owner: B256,
) -> Result<AccountProof, TrieError<S::Error>> {
    let key = Nibbles::unpack_array(&owner.0);
    let mut nodes = Vec::new();
    let value = walk(source, None, state_root, &key, |node| nodes.push(node.clone()))?;
    let leaf = value.map(|value| AccountLeaf::decode(&value, &key)).transpose()?;
    Ok(AccountProof { leaf, nodes })
}

/// Proves a slot, or its absence, under `storage_root`. `owner` is the Keccak of the address.
///
/// # Errors
/// As [`account_proof`].
pub fn storage_proof<S: NodeSource>(
    source: &S,
    owner: B256,
    storage_root: B256,
    slot: U256,
) -> Result<StorageProof, TrieError<S::Error>> {
    let key = slot_key(slot);
    let mut nodes = Vec::new();
    let value = walk(source, Some(owner), storage_root, &key, |node| nodes.push(node.clone()))?;
    let value = value.map_or(Ok(U256::ZERO), |value| decode_slot(&value, owner, &key))?;
    Ok(StorageProof { value, nodes })
}
