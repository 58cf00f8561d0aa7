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
pub use error::StageError;
pub use progress::Progress;

use serde::Serialize;

/// A stage, in the order of proving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Runs the guest without proving.
    Execute,
    /// STARKs of the execution's segments.
    Segments,
    /// One STARK of all segments.
    Aggregate,
    /// The same STARK over BN254's Poseidon2.
    Root,
    /// The halo2 proof that verifies the root proof.
    Halo2,
    /// The halo2 proof that verifies that one and that L1 verifies.
    Wrap,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 6] = [
        Self::Execute,
        Self::Segments,
        Self::Aggregate,
        Self::Root,
        Self::Halo2,
        Self::Wrap,
    ];

    /// Name in files, logs, metrics and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Segments => "segments",
            Self::Aggregate => "aggregate",
            Self::Root => "root",
            Self::Halo2 => "halo2",
            Self::Wrap => "wrap",
        }
    }
}

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
