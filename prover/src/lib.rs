//! Guest programs, seen from outside: loading them, running them in the virtual machine, measuring and committing to
//! them.
//!
//! In: an ELF of `prover/elf` and an encoded `ProofInput` (`cwe-statement`). Out: the public value with the number of
//! instructions ([`Machine::execute`]), where they went ([`profile()`]), and the commitments that L1 pins
//! ([`Commitments`]), and proofs ([`stages`]). The program `cwe-prover-stage`, which the prover's daemon runs, and the tests
//! call this.

mod commitments;
mod error;
mod machine;
mod profile;
pub mod stages;
mod strip;
mod symbols;

pub use commitments::{COMMITMENTS, Commitments, GuestCommitment, sdk, sha256};
pub use error::ProverError;
pub use machine::{Execution, Machine, Program, init_file, vm_config};
pub use profile::{Centre, Profile, profile};
pub use strip::strip;

/// The guest that proves batches.
pub const STATE_TRANSITION_ELF: &[u8] = include_bytes!("../elf/state-transition.elf");
/// The guest that proves aggregates of reveals.
pub const AGGREGATION_ELF: &[u8] = include_bytes!("../elf/aggregation.elf");
/// The guest that proves the settlement of an epoch.
pub const SETTLEMENT_ELF: &[u8] = include_bytes!("../elf/settlement.elf");

/// A guest by its name, which is also the kind of its jobs.
pub fn guest_elf(name: &str) -> Option<&'static [u8]> {
    match name {
        "state-transition" => Some(STATE_TRANSITION_ELF),
        "aggregation" => Some(AGGREGATION_ELF),
        "settlement" => Some(SETTLEMENT_ELF),
        _ => None,
    }
}
