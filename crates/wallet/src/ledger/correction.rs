//! What the listener says about a work's record, before it is reported.

use serde::{Deserialize, Serialize};

use super::session::SessionError;
use crate::ids::DeviceId;

/// Most seconds that a correction can give a work in an epoch: the longest epoch, 366 days.
const MAX_SET_SECS: u64 = 366 * 24 * 60 * 60;
/// Most plays.
const MAX_SET_PLAYS: u64 = 1_000_000;

/// How a work of an epoch is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ruling {
    /// As players recorded it: takes a correction back.
    AsRecorded,
    /// Not at all.
    Excluded,
    /// With these numbers instead, whatever is recorded later.
    Set {
        /// Seconds.
        seconds: u64,
        /// Plays.
        plays: u64,
    },
}

/// A ruling with what decides between devices: the higher version, then the device, then the ruling itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Correction {
    /// One more than that of the correction that it replaces.
    pub version: u64,
    /// Who made it.
    pub device: DeviceId,
    /// What it says.
    pub ruling: Ruling,
}

impl Ruling {
    /// # Errors
    /// Numbers beyond any epoch, or plays without seconds or the other way round.
    pub(super) const fn check(self) -> Result<(), SessionError> {
        match self {
            Self::AsRecorded | Self::Excluded => Ok(()),
            Self::Set { seconds, plays } => {
                let in_range = seconds <= MAX_SET_SECS && plays <= MAX_SET_PLAYS;
                if in_range && (seconds == 0) == (plays == 0) {
                    return Ok(());
                }
                Err(SessionError::Correction {
                    seconds,
                    plays,
                    maximum_secs: MAX_SET_SECS,
                    maximum_plays: MAX_SET_PLAYS,
                })
            }
        }
    }
}
