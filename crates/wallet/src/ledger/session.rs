//! One stretch of listening.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, WorkId};

/// Longest session: a day. Players end a session and begin another one.
pub const MAX_SESSION_SECS: u32 = 24 * 60 * 60;
/// Most plays of one session.
pub const MAX_PLAYS: u32 = 10_000;

/// Seconds and plays of one work, recorded by one device. Ordered by device and number. One without a play goes on with
/// the play of a session before it: players write long plays down piece by piece.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// Who recorded it.
    pub device: DeviceId,
    /// Its number on that device, counting up.
    pub sequence: u64,
    /// What was listened to.
    pub work: WorkId,
    /// For how long.
    pub seconds: u32,
    /// How often it was begun in it.
    pub plays: u32,
    /// Hour in which it began, since 1970. No finer: nothing needs the minute, and it would say more about a day.
    pub started_hour: u64,
}

/// What can't be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No time, or too much.
    #[error("a session has 1 to {MAX_SESSION_SECS} seconds, not {0}")]
    Seconds(u64),
    /// Too many.
    #[error("a session has at most {MAX_PLAYS} plays, not {0}")]
    Plays(u64),
    /// Epochs count from 1.
    #[error("there is no epoch 0")]
    NoEpoch,
    /// More than a person listens to.
    #[error("epoch {epoch} has {maximum} sessions already, no more fit: record several plays as one session")]
    EpochFull {
        /// Epoch.
        epoch: u64,
        /// Most sessions.
        maximum: usize,
    },
    /// A correction out of range.
    #[error(
        "a work can be set to at most {maximum_secs} seconds and {maximum_plays} plays in an epoch, not {seconds} and {plays}"
    )]
    Correction {
        /// Asked for.
        seconds: u64,
        /// Asked for.
        plays: u64,
        /// Most seconds.
        maximum_secs: u64,
        /// Most plays.
        maximum_plays: u64,
    },
}

impl Session {
    /// # Errors
    /// Numbers that no session has.
    pub(super) fn check(&self) -> Result<(), SessionError> {
        if self.seconds == 0 || self.seconds > MAX_SESSION_SECS {
            return Err(SessionError::Seconds(self.seconds.into()));
        }
        if self.plays > MAX_PLAYS {
            return Err(SessionError::Plays(self.plays.into()));
        }
        Ok(())
    }
}
