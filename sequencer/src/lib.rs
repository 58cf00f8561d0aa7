//! The daemons of the L2: the sequencer and the full node.
//!
//! In: a [`Config`] or [`NodeConfig`] (defaults, file, environment, flags), a genesis file, an L1. Out: a running
//! program ([`RunningNode`]) that serves JSON-RPC, `/health`, `/ready` and `/metrics`. This crate only wires: blocks are
//! made in `cwe-chain`, L1 is watched and written by `cwe-bridge`, requests are served by `cwe-rpc`.
//! Called by the binary `cwe-sequencer` and by `cwe devnet` and `cwe node`; the prover's daemon shares how configurations
//! are read ([`load`]), keys, logs and the ops server.

pub mod config;
mod forwarder;
pub mod genesis;
pub mod keys;
pub mod load;
pub mod logging;
mod node;
pub mod ops;
mod running;
mod sequencer;

pub use config::{Config, NodeConfig};
pub use load::{ConfigError, Overrides};
pub use node::run_full_node;
pub use running::RunningNode;
pub use sequencer::run_sequencer;
