//! Enqueueing, leasing and looking.

use std::{fmt, time::Duration};

use serde::Serialize;
use sqlx::{
    AnyPool, Executor, Row,
    any::{AnyPoolOptions, install_default_drivers},
};

use crate::{
    Job, JobState, JobsError, Lease, NewJob,
    statements::{POSTGRES, SQLITE, Statements},
};

/// Connections kept at most: a worker needs one for its job and one for its heartbeat.
const MAX_CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// The queue. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Queue {
    pub(crate) pool: AnyPool,
    pub(crate) sql: &'static Statements,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's options hold the connection string, and with it a password.
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// What became of a job that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is new and waits.
    New(i64),
    /// It was there already.
    Known(i64),
}

impl Enqueued {
    /// The job's number.
    pub const fn id(self) -> i64 {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// Jobs of one kind by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Waiting.
    pub queued: u64,
    /// Being worked on.
    pub leased: u64,
    /// Finished.
    pub done: u64,
    /// Given up.
    pub failed: u64,
}

impl Queue {
    /// Opens the queue at `address` (`sqlite:PATH`, made if it isn't there, or `postgres://…`) and brings its tables to
    /// this program's schema.
    ///
    /// # Errors
    /// The address is of no known database, the database can't be reached, or its schema is newer.
    pub async fn open(address: &str) -> Result<Self, JobsError> {
        install_default_drivers();
        if address.starts_with("sqlite:") {
            Self::open_sqlite(address).await
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            Self::open_postgres(address).await
        } else {
            // The rest may hold a password.
            let scheme = address.split_once(':').map_or(address, |(scheme, _)| scheme);
            Err(JobsError::UnknownScheme(scheme.into()))
        }
    }

    async fn open_sqlite(address: &str) -> Result<Self, JobsError> {
        let separator = if address.contains('?') { '&' } else { '?' };
        let pool = options()
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let pragmas = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                                   PRAGMA foreign_keys = ON;";
                    connection.execute(pragmas).await.map(drop)
                })
            })
            .connect(&format!("{address}{separator}mode=rwc"))
            .await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Self { pool, sql: &SQLITE })
    }

    async fn open_postgres(address: &str) -> Result<Self, JobsError> {
        let pool = options().connect(address).await?;
        sqlx::migrate!("migrations/postgres").run(&pool).await?;
        Ok(Self { pool, sql: &POSTGRES })
    }

    /// Puts a job into the queue. The same job again, in whatever state, is left as it is.
    ///
    /// # Errors
    /// [`JobsError::PayloadDiffers`], or the database fails.
    pub async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, JobsError> {
        self.enqueue_with(job, &[]).await
    }

    /// Puts a job into the queue together with results by stage, such as a large input that its workers need. They are
    /// stored with a new job only, and kept as long as other results.
    ///
    /// # Errors
    /// [`JobsError::PayloadDiffers`], or the database fails; then neither job nor results are there.
    pub async fn enqueue_with(&self, job: &NewJob, results: &[(&str, &[u8])]) -> Result<Enqueued, JobsError> {
        let mut transaction = self.pool.begin().await?;
        let new = sqlx::query(self.sql.enqueue)
            .bind(&job.kind)
            .bind(&job.key)
            .bind(&job.payload)
            .bind(job.priority)
            .bind(i64::from(job.max_attempts.max(1)))
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(row) = new {
            let id: i64 = row.try_get("id")?;
            for (stage, result) in results {
                let insert = sqlx::query(self.sql.put_result).bind(id).bind(*stage).bind(*result);
                insert.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            return Ok(Enqueued::New(id));
        }
        transaction.rollback().await?;
        let row = sqlx::query(self.sql.by_name)
            .bind(&job.kind)
            .bind(&job.key)
            .fetch_one(&self.pool)
            .await?;
        let known = Job::of(&row)?;
        if known.payload != job.payload {
            let Job { id, kind, key, .. } = known;
            return Err(JobsError::PayloadDiffers { id, kind, key });
        }
        Ok(Enqueued::Known(known.id))
    }

    /// Takes the next job of a kind for `lease`, under the worker's name; `None` if none waits. A job whose last holder
    /// let its lease end is taken too, and given up if it has had all its attempts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lease(&self, kind: &str, worker: &str, lease: Duration) -> Result<Option<Lease>, JobsError> {
        sqlx::query(self.sql.give_up).bind(kind).execute(&self.pool).await?;
        let row = sqlx::query(self.sql.lease)
            .bind(kind)
            .bind(worker)
            .bind(millis(lease))
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Lease::of(self, &row, lease)).transpose()
    }

    /// A job by number.
    ///
    /// # Errors
    /// [`JobsError::NoSuchJob`], or the database fails.
    pub async fn job(&self, id: i64) -> Result<Job, JobsError> {
        let row = sqlx::query(self.sql.by_id).bind(id).fetch_optional(&self.pool).await?;
        Job::of(&row.ok_or(JobsError::NoSuchJob { id })?)
    }

    /// A job by name; `None` if it was never enqueued.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(&self, kind: &str, key: &str) -> Result<Option<Job>, JobsError> {
        let row = sqlx::query(self.sql.by_name).bind(kind).bind(key);
        row.fetch_optional(&self.pool).await?.as_ref().map(Job::of).transpose()
    }

    /// At most `limit` jobs with numbers above `after`, in order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self, after: i64, limit: u32) -> Result<Vec<Job>, JobsError> {
        let rows = sqlx::query(self.sql.list).bind(after).bind(i64::from(limit));
        rows.fetch_all(&self.pool).await?.iter().map(Job::of).collect()
    }

    /// How many jobs of a kind are in which state.
    ///
    /// # Errors
    /// The database fails.
    pub async fn counts(&self, kind: &str) -> Result<Counts, JobsError> {
        let mut counts = Counts::default();
        for row in sqlx::query(self.sql.counts).bind(kind).fetch_all(&self.pool).await? {
            let state: String = row.try_get("state")?;
            let jobs = u64::try_from(row.try_get::<i64, _>("jobs")?).unwrap_or_default();
            match state.as_str() {
                "queued" => counts.queued = jobs,
                "leased" => counts.leased = jobs,
                "done" => counts.done = jobs,
                _ => counts.failed = jobs,
            }
        }
        Ok(counts)
    }

    /// The output of a finished job.
    ///
    /// # Errors
    /// [`JobsError::NoSuchJob`], [`JobsError::WrongState`] if it isn't finished, or the database fails.
    pub async fn output(&self, id: i64) -> Result<Vec<u8>, JobsError> {
        match sqlx::query(self.sql.output).bind(id).fetch_optional(&self.pool).await? {
            Some(row) => Ok(row.try_get("output")?),
            None => Err(self.wrong_state(id, JobState::Done, "read").await?),
        }
    }

    /// Puts a failed job back, with all its attempts before it and the results of its finished stages kept.
    ///
    /// # Errors
    /// [`JobsError::NoSuchJob`], [`JobsError::WrongState`] if it hasn't failed, or the database fails.
    pub async fn retry(&self, id: i64) -> Result<(), JobsError> {
        let changed = sqlx::query(self.sql.retry).bind(id).execute(&self.pool).await?;
        match changed.rows_affected() {
            0 => Err(self.wrong_state(id, JobState::Failed, "retried").await?),
            _ => Ok(()),
        }
    }

    /// Removes a job that nobody works on, with its results.
    ///
    /// # Errors
    /// [`JobsError::NoSuchJob`], [`JobsError::WrongState`] if a worker has it, or the database fails.
    pub async fn remove(&self, id: i64) -> Result<(), JobsError> {
        let removed = sqlx::query(self.sql.remove).bind(id).execute(&self.pool).await?;
        match removed.rows_affected() {
            0 => Err(self.wrong_state(id, JobState::Queued, "removed").await?),
            _ => Ok(()),
        }
    }

    async fn wrong_state(&self, id: i64, wanted: JobState, action: &'static str) -> Result<JobsError, JobsError> {
        let state = self.job(id).await?.state.to_string();
        let wanted = match wanted {
            JobState::Queued => "waiting or ended",
            JobState::Leased => "leased",
            JobState::Done => "finished",
            JobState::Failed => "failed",
        };
        Ok(JobsError::WrongState {
            id,
            state,
            wanted,
            action,
        })
    }
}

fn options() -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
