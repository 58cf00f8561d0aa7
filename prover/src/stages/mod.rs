//! The stages of a validity proof, each a process of its own: `cwe-prover-stage`.
//!
//! In: a guest's input. Out, stage by stage: one STARK per segment of the execution ([`segments`]), one STARK of them all
//! ([`aggregate()`]), the same over BN254's hash ([`root`]), a halo2 proof that verifies it ([`static_verifier`]), and a
//! halo2 proof that a contract on L1 verifies cheaply ([`wrapper`]). Every stage checks what it made before it hands it
//! on. Keys are in a folder ([`keys`]); what a stage needs of memory is known before it starts ([`memory`]).

pub mod aggregate;
pub mod error;
pub mod files;
pub mod keys;
pub mod memory;
pub mod progress;
pub mod root;
pub mod segments;
pub mod solidity;
pub mod static_verifier;
pub mod verify;
pub mod wrapper;

pub use aggregate::aggregate;
pub use cwe_prover_stages::Stage;
pub use error::StageError;
pub use progress::Progress;

/// How much memory proving may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Segments that need up to about 16 GiB.
    #[default]
    Standard,
    /// Segments that need up to about 8 GiB: for machines with 24 GiB in all.
    LowMemory,
}

impl Profile {
    /// Where the machine cuts a segment, in bytes by its own estimate: the real need is about 2.4 times as much.
    pub const fn segment_bytes(self) -> usize {
        match self {
            Self::Standard => 6 << 30,
            Self::LowMemory => 3 << 30,
        }
    }
}
