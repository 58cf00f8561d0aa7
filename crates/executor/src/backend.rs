//! The state that blocks are executed on.

use alloy_primitives::B256;
use cwe_primitives::StateChanges;
use cwe_trie::{NodeSource, TrieError, TrieUpdates};
use revm::DatabaseRef;

/// Error of a backend's reads.
pub type BackendError<B> = <B as DatabaseRef>::Error;

/// State after some block: values for execution through [`DatabaseRef`], trie nodes for the next root through
/// [`NodeSource`].
///
/// Implemented by the database's snapshots; a [`WitnessState`](crate::WitnessState) finds roots in its own way.
/// `block_hash_ref` answers for the up to 256 blocks up to and including the one that the state is after.
pub trait StateBackend: DatabaseRef + NodeSource<Error = BackendError<Self>> {
    /// Root of the account trie.
    fn state_root(&self) -> B256;

    /// Nodes that `changes` change, and the root after them. Nothing is written.
    ///
    /// # Errors
    /// A node is missing or malformed, or can't be read.
    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<BackendError<Self>>>;
}
