//! Where nodes come from.

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// A store of trie nodes, by path or by hash.
///
/// Only nodes of 32 bytes or more (and roots) are asked for: smaller ones lie inside their parent.
pub trait NodeSource {
    /// Why a node can't be read, other than that it isn't there.
    type Error: core::error::Error + 'static;

    /// The RLP of one node, or `None` if this source doesn't have it.
    ///
    /// `owner` is `None` in the account trie and `Some(keccak256(address))` in that account's storage trie; `path` is
    /// where the node lies, `hash` is what its parent says it hashes to. A source of untrusted nodes must return only
    /// bytes that hash to `hash`; callers don't hash again.
    ///
    /// # Errors
    /// Whatever keeps the source from answering.
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error>;
}

impl<S: NodeSource> NodeSource for &S {
    type Error = S::Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        (**self).node(owner, path, hash)
    }
}
