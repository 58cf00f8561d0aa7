//! How far a proof is made.

use cwe_prover_stages::Stage;
use serde::{Deserialize, Serialize};

/// File name of a job's input, and its name among the queue's stage results.
pub(crate) const INPUT: &str = cwe_prover_stages::GuestJob::INPUT;

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
    fn a_proof_may_end_after_any_result_that_somebody_can_use() {
        for (stop, last) in [
            (StopAfter::Execute, Stage::Execute),
            (StopAfter::Stark, Stage::Aggregate),
            (StopAfter::Halo2, Stage::Wrap),
        ] {
            assert_eq!(stop.stages().last(), Some(&last));
        }
    }
}
