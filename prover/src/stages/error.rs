//! What can go wrong in a stage.

use std::{io, path::PathBuf};

use cwe_prover_stages::{Stage, gibibytes};
use cwe_srs::SrsError;

use super::keys::KeyError;
use crate::ProverError;

/// Why a stage ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No retry helps: the guest refuses the input, or the file or proof is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The machine is too small, or busy.
    #[error(
        "{what} needs {} of memory, {} are available: free some, or take a larger machine{hint}",
        gibibytes(*needed), gibibytes(*available)
    )]
    Memory {
        /// What did not start.
        what: String,
        /// Its measured need, in bytes.
        needed: u64,
        /// What the machine has to give, in bytes.
        available: u64,
        /// What else might help.
        hint: &'static str,
    },
    /// A key can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The reference string can't be had.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The guest or the machine's configuration is not right.
    #[error(transparent)]
    Guest(ProverError),
    /// A prover failed, or made a proof that its own check refuses: a defect, or a broken machine.
    #[error("stage {} failed: {reason}", stage.name())]
    Failed {
        /// The stage.
        stage: Stage,
        /// What the prover said.
        reason: String,
    },
}

impl StageError {
    /// Exit code of the process, as the daemon reads it.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_) => 2,
            Self::Memory { .. } => 3,
            _ => 1,
        }
    }

    pub(crate) fn invalid(reason: impl ToString) -> Self {
        Self::Invalid(reason.to_string())
    }

    pub(crate) fn failed(stage: Stage, reason: impl ToString) -> Self {
        Self::Failed {
            stage,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}

impl From<ProverError> for StageError {
    fn from(error: ProverError) -> Self {
        match error {
            // The machine is deterministic: what fails once fails always.
            ProverError::Refused(_) | ProverError::Machine(_) | ProverError::NoPublicValue => {
                Self::Invalid(error.to_string())
            }
            other => Self::Guest(other),
        }
    }
}
