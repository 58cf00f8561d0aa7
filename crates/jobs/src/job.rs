//! A job as it is asked for and as it stands.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::JobsError;

/// A job to enqueue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// What sort of work it is: who leases asks for a kind.
    pub kind: String,
    /// Its name within the kind, such as a batch range.
    pub key: String,
    /// What the worker needs to know, in a form of the kind's own. Kept and shown as it is: no secrets.
    pub payload: String,
    /// Higher goes first; equals go in order of arrival.
    pub priority: i64,
    /// Leases after which it counts as failed, at least 1.
    pub max_attempts: u32,
}

/// How far a stage is, in parts per million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress(u32);

impl Progress {
    const WHOLE: u32 = 1_000_000;

    /// `done` of `total` parts; nothing of nothing is 0, and more than all is all.
    pub fn of(done: u64, total: u64) -> Self {
        let ppm = u128::from(done.min(total)) * u128::from(Self::WHOLE) / u128::from(total.max(1));
        Self(u32::try_from(ppm).unwrap_or(Self::WHOLE))
    }

    /// Parts per million, 0 to 1 000 000.
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

/// Where a job is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker has it, or had it until its lease ended.
    Leased,
    /// Its output is there.
    Done,
    /// It is given up until somebody retries it by hand.
    Failed,
}

impl JobState {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "queued" => Some(Self::Queued),
            "leased" => Some(Self::Leased),
            "done" => Some(Self::Done),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
        })
    }
}

/// A job as the queue has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Number, rising in order of arrival.
    pub id: i64,
    /// What sort of work it is.
    pub kind: String,
    /// Its name within the kind.
    pub key: String,
    /// What the worker needs to know.
    pub payload: String,
    /// Higher goes first.
    pub priority: i64,
    /// Where it is on its way.
    pub state: JobState,
    /// Leases so far.
    pub attempts: u32,
    /// Leases after which it counts as failed.
    pub max_attempts: u32,
    /// Who has or had it last.
    pub worker: Option<String>,
    /// The stage it is in; empty before the first.
    pub stage: String,
    /// How far that stage is.
    pub progress: Progress,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was enqueued, milliseconds since 1970.
    pub created_ms: i64,
    /// When anything about it changed, milliseconds since 1970.
    pub updated_ms: i64,
}

impl Job {
    pub(crate) fn of(row: &AnyRow) -> Result<Self, JobsError> {
        let id = row.try_get("id")?;
        let state: String = row.try_get("state")?;
        let state = JobState::parse(&state).ok_or(JobsError::UnknownState { id, state })?;
        Ok(Self {
            id,
            kind: row.try_get("kind")?,
            key: row.try_get("job_key")?,
            payload: row.try_get("payload")?,
            priority: row.try_get("priority")?,
            state,
            attempts: small(row, "attempts")?,
            max_attempts: small(row, "max_attempts")?,
            worker: row.try_get("worker")?,
            stage: row.try_get("stage")?,
            progress: Progress(small(row, "progress_ppm")?),
            error: row.try_get("error")?,
            created_ms: row.try_get("created_ms")?,
            updated_ms: row.try_get("updated_ms")?,
        })
    }
}

fn small(row: &AnyRow, column: &str) -> Result<u32, sqlx::Error> {
    let value: i64 = row.try_get(column)?;
    u32::try_from(value).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.into(),
        source: error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_stays_between_nothing_and_all() {
        assert_eq!(Progress::of(0, 0).ppm(), 0);
        assert_eq!(Progress::of(1, 3).ppm(), 333_333);
        assert_eq!(Progress::of(7, 3).ppm(), 1_000_000);
        assert_eq!(Progress::of(u64::MAX, u64::MAX).ppm(), 1_000_000);
    }
}
