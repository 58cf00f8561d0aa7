//! What can go wrong in a trie.

use alloc::string::String;
use core::fmt::Write;

use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// Why a trie can't be read or updated. `owner` is the account whose storage trie it is (Keccak of its address), `None`
/// for the account trie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrieError<E: core::error::Error + 'static> {
    /// The source doesn't have a node that the trie refers to: an incomplete witness, or a damaged database.
    #[error("{} misses node {hash} at path {}", trie(*.owner), hex(path))]
    MissingNode {
        /// Whose trie.
        owner: Option<B256>,
        /// Where the node should be.
        path: Nibbles,
        /// What it should hash to.
        hash: B256,
    },
    /// A node, or the value in a leaf, isn't what a trie can hold.
    #[error("{} has a bad node at path {}: {reason}", trie(*.owner), hex(path))]
    BadNode {
        /// Whose trie.
        owner: Option<B256>,
        /// Where the node lies.
        path: Nibbles,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The `previous` of a change isn't what the trie holds: the change was made on another state, or the flat state
    /// and the trie of a database have come apart.
    #[error("{} holds another value at key {} than the change was made on", trie(*.owner), hex(key))]
    StaleChange {
        /// Whose trie.
        owner: Option<B256>,
        /// Hashed address or hashed slot.
        key: Nibbles,
    },
    /// An account is deleted while slots remain in its storage; the change must list them.
    #[error("account {owner} is deleted, but its storage isn't empty: root {root}")]
    StorageRemains {
        /// Keccak of the address.
        owner: B256,
        /// Root of what remains.
        root: B256,
    },
    /// The source failed.
    #[error("can't read trie nodes: {0}")]
    Source(#[source] E),
}

fn trie(owner: Option<B256>) -> String {
    let mut name = String::new();
    // Writing to a string can't fail.
    let _ = match owner {
        None => write!(name, "account trie"),
        Some(owner) => write!(name, "storage trie of {owner}"),
    };
    name
}

fn hex(path: &Nibbles) -> String {
    if path.is_empty() {
        return String::from("root");
    }
    path.iter()
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}
