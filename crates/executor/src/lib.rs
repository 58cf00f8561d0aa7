//! The state-transition function: what a block does to the state, computed the same by sequencer, full node and guest.
//!
//! In: a block's context and transactions ([`BlockInput`]), its [`Parent`], and the state after the parent: any revm
//! [`DatabaseRef`](revm::DatabaseRef) for an open block, a [`StateBackend`] where a root is wanted. Out: receipts, the
//! changes of state and trie, the sealed header ([`ExecutedBlock`]). It reads no clock, network or disk of its own and
//! is `no_std` without the `std` feature.
//!
//! Callers: the sequencer fills a [`BlockExecutor`] transaction by transaction and [`conclude`]s it; a full node runs
//! [`execute_block`] over the database, the guest [`WitnessState::execute`]; the RPC makes calls and traces with a
//! [`ChainEvm`].
//!
//! What differs from Ethereum's Osaka rules: the whole fee goes to the fee vault; type `0x7E` transactions are messages
//! from L1, unsigned and free, and never invalid; there is a Poseidon precompile; there are no blobs. The layouts are in
//! `docs/PROTOCOL.md`.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod backend;
mod block;
mod error;
mod evm;
mod executor;
mod genesis;
mod handler;
mod invalid;
pub mod modular;
pub mod poseidon;
mod precompiles;
#[cfg(feature = "std")]
mod record;
mod roots;
mod seal;
mod state;
mod transition;
mod witness;
mod witness_state;

pub use backend::{BackendError, StateBackend};
pub use block::BlockContext;
pub use error::{BlockError, ContextError, ExecutionError, InvalidTransaction, MessageError};
pub use evm::{ChainContext, ChainEvm, EvmEnv, MAX_MESSAGE_GAS, SPEC_ID, TransactResult, message_gas, tx_env};
pub use executor::{BlockExecutor, BlockOutcome, ExecutedTx};
pub use genesis::{Genesis, GenesisAccount, GenesisBlock, GenesisError, SystemContracts};
pub use precompiles::{POSEIDON_GAS, precompile_addresses};
#[cfg(feature = "std")]
pub use record::{RecordError, RecordingError, record_witness};
pub use seal::{SealedBlock, header};
pub use state::{BlockState, TxAccountChange, TxChanges};
pub use transition::{BlockInput, ExecutedBlock, Parent, conclude, execute_block};
pub use witness::{MAX_WITNESS_BYTES, MAX_WITNESS_HEADERS, Witness, WitnessError};
pub use witness_state::WitnessState;
