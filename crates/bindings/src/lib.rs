//! Solidity contracts as Rust types: calls, events, errors, and the bytecode to deploy them.
//!
//! In: `abi/*.json`, trimmed Foundry artifacts that `scripts/bindings.sh` writes from the Solidity sources (CI compares
//! them with a fresh build). Out: [`contracts`], the runtime code of the L2 system contracts for the genesis
//! ([`system`]), and [`deploy`], which puts the L1 contracts on a chain. Callers: the L1 client, the sequencer, the CLI,
//! and the genesis builder.

pub mod contracts;
pub mod deploy;
pub mod system;
