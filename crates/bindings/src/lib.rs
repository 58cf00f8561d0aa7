//! Solidity contracts as Rust types: calls, events, errors, and the bytecode to deploy them.
//!
//! In: `abi/*.json`, trimmed Foundry artifacts that `scripts/bindings.sh` writes from the Solidity sources (CI compares
//! them with a fresh build). Out: [`contracts`], the runtime code of the L2 system contracts for the genesis
//! ([`system`]), [`deploy`], which puts the L1 contracts on a chain, [`verifier`], which pins what L1 accepts proofs of, and [`economy`], the contracts of the economy on the
//! L2 (ABI only) with the file of their addresses. Callers: the L1 client, the sequencer, the CLI, and the genesis
//! builder.

pub mod contracts;
pub mod deploy;
pub mod economy;
pub mod system;
pub mod verifier;
