//! The Merkle-Patricia trie over a database or a witness: what a block's changes do to the state root, and the nodes
//! that change with it.
//!
//! In: nodes, from a [`NodeSource`] (the database by path, a [`WitnessNodes`] by hash), and the [`StateChanges`] that
//! the executor made. Out: the new root and the changed nodes ([`TrieUpdates`]), EIP-1186 proofs, and, through a
//! [`Recorder`], the nodes that another machine needs to do the same again. The executor calls [`update_state`] and the
//! readers, the database stores what comes out, the RPC asks for proofs.
//!
//! ```
//! use alloy_primitives::{Address, U256};
//! use cwe_primitives::{Account, AccountChange, StateChanges};
//! use cwe_trie::{EMPTY_ROOT_HASH, SparseState, WitnessNodes, update_state};
//!
//! let alice = Address::repeat_byte(0xaa);
//! let account = Account { balance: U256::from(1_000), ..Account::default() };
//! let mut changes = StateChanges::default();
//! changes.accounts.insert(alice, AccountChange { current: Some(account), ..AccountChange::default() });
//!
//! let updates = update_state(&WitnessNodes::default(), EMPTY_ROOT_HASH, &changes)?;
//! let nodes = updates.account_nodes.into_iter().filter_map(|(_path, node)| node);
//! let mut state = SparseState::new(WitnessNodes::new(nodes), updates.root);
//! assert_eq!(state.account(alice)?.map(|leaf| leaf.account), Some(account));
//! # Ok::<(), cwe_trie::TrieError<core::convert::Infallible>>(())
//! ```
//!
//! How it works. Keys are Keccak hashes, so every path has 64 nibbles and branches hold no values. All changes of one
//! trie are applied in one descent over the sorted keys ([`update_state`]): a node is read once, and each changed node
//! is encoded and hashed once, on the way up. A leaf or extension floats up until a branch with at least two children
//! takes it, so a collapse never encodes a node that it then throws away. Children of one branch are hashed together. A guest counts instructions, not reads: it keeps
//! the nodes of its witness decoded and changes them in place ([`SparseState`]). Roots of transactions and receipts are
//! `alloy_consensus::proofs`, not here.
//!
//! [`StateChanges`]: cwe_primitives::StateChanges

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod builder;
mod bulk;
mod error;
mod fork;
mod lanes;
mod node;
mod proof;
mod read;
#[cfg(feature = "std")]
mod recorder;
mod source;
mod sparse;
mod state;
mod update;
mod witness;
mod writer;

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
pub use bulk::{BulkError, StateRootBuilder};
pub use error::TrieError;
pub use proof::{AccountProof, StorageProof, account_proof, storage_proof};
pub use read::{AccountLeaf, read_account, read_slot};
#[cfg(feature = "std")]
pub use recorder::Recorder;
pub use source::NodeSource;
pub use sparse::SparseState;
#[cfg(feature = "standalone")]
pub use sparse::SparseTrie;
#[cfg(feature = "std")]
pub use state::update_state_parallel;
pub use state::{ChangedNodes, TrieUpdates, state_root_after, update_state};
pub use witness::WitnessNodes;

#[cfg(all(test, feature = "std"))]
mod testing;
