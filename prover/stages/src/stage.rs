//! The stages, and the files between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stage of a proof, in the order of proving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Runs the guest without a proof: its public value, and the number of instructions.
    Execute,
    /// Cuts the execution into segments and makes a STARK of each.
    Segments,
    /// Makes one STARK of all segments.
    Aggregate,
    /// The same STARK over BN254's Poseidon2, the one that the halo2 circuit checks.
    Root,
    /// The halo2 proof that verifies the root proof.
    Halo2,
    /// The halo2 proof that verifies that one and that L1 verifies.
    Wrap,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Execute,
        Self::Segments,
        Self::Aggregate,
        Self::Root,
        Self::Halo2,
        Self::Wrap,
    ];

    /// File that a proof begins with.
    pub const INPUT_FILE: &str = "input.bin";

    /// Name: the stage program's subcommand, the queue's and the metrics' label.
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

    /// File that it reads.
    pub const fn input_file(self) -> &'static str {
        match self {
            Self::Execute | Self::Segments => Self::INPUT_FILE,
            Self::Aggregate => Self::Segments.output_file(),
            Self::Root => Self::Aggregate.output_file(),
            Self::Halo2 => Self::Root.output_file(),
            Self::Wrap => Self::Halo2.output_file(),
        }
    }

    /// File that it writes.
    pub const fn output_file(self) -> &'static str {
        match self {
            Self::Execute => "execution.json",
            Self::Segments => "segments.bin",
            Self::Aggregate => "stark.bin",
            Self::Root => "root.bin",
            Self::Halo2 => "halo2.bin",
            Self::Wrap => "proof.bin",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_reads_what_an_earlier_one_writes() {
        for (position, stage) in Stage::ALL.iter().enumerate() {
            let written = Stage::ALL[..position]
                .iter()
                .any(|earlier| earlier.output_file() == stage.input_file());
            assert!(written || stage.input_file() == Stage::INPUT_FILE, "{stage}");
        }
    }
}
