//! The stages of a proof, in order, and the files between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// File name of a job's input, and its name among the queue's stage results.
pub(crate) const INPUT: &str = "input";

/// A stage of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Runs the guest without a proof: its public value, and the number of instructions.
    Execute,
    /// Cuts the execution into segments and proves each.
    Segments,
    /// Aggregates the segments' proofs into one STARK.
    Aggregate,
    /// Shrinks the STARK to the one that the halo2 circuit checks.
    Root,
    /// The halo2 proof of the STARK.
    Halo2,
    /// The proof that L1 checks.
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
    pub(crate) const fn input_file(self) -> &'static str {
        match self {
            Self::Execute | Self::Segments => "input.bin",
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

/// How far a proof is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopAfter {
    /// Only executed: shows that the batches can be proven.
    Execute,
    /// One STARK, which anybody can check off chain.
    Stark,
    /// All the way to the proof that L1 takes.
    #[default]
    Halo2,
}

impl StopAfter {
    /// The stages to run.
    pub fn stages(self) -> &'static [Stage] {
        let count = match self {
            Self::Execute => 1,
            Self::Stark => 3,
            Self::Halo2 => Stage::ALL.len(),
        };
        &Stage::ALL[..count]
    }

    /// Name, as in configuration and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Stark => "stark",
            Self::Halo2 => "halo2",
        }
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
            assert!(written || stage.input_file() == "input.bin", "{stage}");
        }
        for (stop, last) in [
            (StopAfter::Execute, Stage::Execute),
            (StopAfter::Stark, Stage::Aggregate),
            (StopAfter::Halo2, Stage::Wrap),
        ] {
            assert_eq!(stop.stages().last(), Some(&last));
        }
    }
}
