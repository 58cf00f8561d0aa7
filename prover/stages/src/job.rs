//! Proofs of other guests than the rollup's, as whoever asks for one writes it into the queue and a worker reads it. The
//! input, which is large, lies beside the job among the results of stages.

use std::fmt;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// Version of the payload's form.
const VERSION: u32 = 1;

/// A guest whose proofs are asked for by jobs of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guest {
    /// Reveals of an epoch, counted.
    Aggregation,
    /// An epoch's money, divided.
    Settlement,
}

impl Guest {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Aggregation, Self::Settlement];

    /// Name: the queue's kind of its jobs, the name of its commitment, the stage program's `--guest`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aggregation => "aggregation",
            Self::Settlement => "settlement",
        }
    }

    /// The guest that jobs of a kind are for; `None` for batches.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|guest| guest.name() == kind)
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A proof that is asked for: which guest, and what its proof must show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuestJob {
    version: u32,
    /// The guest.
    pub guest: Guest,
    /// What the proof must show.
    pub public_value: B256,
    /// SHA-256 of the encoded input.
    pub input_sha256: B256,
}

/// A payload that this program can't work with.
#[derive(Debug, thiserror::Error)]
pub enum GuestJobError {
    /// Not a payload at all.
    #[error("the job's payload is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version's.
    #[error("the job's payload has version {0}, this program knows {VERSION}: upgrade the older of both")]
    Version(u32),
}

impl GuestJob {
    /// Name of the input among the results of stages.
    pub const INPUT: &str = "input";

    /// A job.
    pub const fn new(guest: Guest, public_value: B256, input_sha256: B256) -> Self {
        Self {
            version: VERSION,
            guest,
            public_value,
            input_sha256,
        }
    }

    /// Reads a job's payload.
    ///
    /// # Errors
    /// [`GuestJobError`].
    pub fn parse(payload: &str) -> Result<Self, GuestJobError> {
        let job: Self = serde_json::from_str(payload)?;
        if job.version == VERSION {
            Ok(job)
        } else {
            Err(GuestJobError::Version(job.version))
        }
    }

    /// The payload.
    ///
    /// # Errors
    /// Never, for what [`new`](Self::new) makes.
    pub fn payload(&self) -> Result<String, GuestJobError> {
        Ok(serde_json::to_string(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_as_it_was_written_and_others_are_refused() {
        let job = GuestJob::new(Guest::Aggregation, B256::repeat_byte(1), B256::repeat_byte(2));
        let payload = job.payload().unwrap();
        assert_eq!(GuestJob::parse(&payload).unwrap(), job);
        let newer = payload.replace("\"version\":1", "\"version\":2");
        assert!(matches!(GuestJob::parse(&newer), Err(GuestJobError::Version(2))));
        for other in [
            "{}",
            &payload.replace("aggregation", "anything"),
            &payload.replace("{", "{\"more\":1,"),
        ] {
            assert!(GuestJob::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_guest_has_a_kind_of_its_own() {
        for guest in Guest::ALL {
            assert_eq!(Guest::of_kind(guest.name()), Some(guest));
        }
        assert_eq!(Guest::of_kind("prove-halo2/1/0x00"), None);
    }
}
