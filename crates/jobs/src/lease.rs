//! A job in a worker's hands.

use std::{sync::Arc, time::Duration};

use sqlx::{Any, AnyPool, Row, Transaction, any::AnyRow};

use crate::{Job, JobsError, KeepAlive, Progress, Queue, queue::millis, statements::Statements};

/// What to do with a job whose attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Offer it again after this time, unless it has had all its attempts.
    After(Duration),
    /// Give it up: another attempt would fail alike.
    Never,
}

/// A leased job. Dropping it does not end the lease: it ends by itself, or with [`complete`](Self::complete),
/// [`fail`](Self::fail) or [`release`](Self::release). Every call but [`result`](Self::result) fails with
/// [`JobsError::LeaseLost`] once somebody else has the job.
#[derive(Clone)]
pub struct Lease {
    pool: AnyPool,
    sql: &'static Statements,
    job: Arc<Job>,
    token: i64,
    duration: Duration,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("job", &self.job)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

impl Lease {
    pub(crate) fn of(queue: &Queue, row: &AnyRow, duration: Duration) -> Result<Self, JobsError> {
        Ok(Self {
            pool: queue.pool.clone(),
            sql: queue.sql,
            job: Arc::new(Job::of(row)?),
            token: row.try_get("token")?,
            duration,
        })
    }

    /// The job as it was when it was leased.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// How long the lease runs after each renewal.
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Renews the lease and tells where the work is.
    ///
    /// # Errors
    /// The lease is lost, or the database fails.
    pub async fn renew(&self, stage: &str, progress: Progress) -> Result<(), JobsError> {
        let renewed = sqlx::query(self.sql.renew)
            .bind(self.job.id)
            .bind(self.token)
            .bind(millis(self.duration))
            .bind(stage)
            .bind(i64::from(progress.ppm()))
            .execute(&self.pool)
            .await?;
        self.held(renewed.rows_affected())
    }

    /// Renews the lease in the background until the returned value is dropped.
    pub fn keep_alive(&self) -> KeepAlive {
        KeepAlive::start(self.clone())
    }

    /// Keeps the result of a finished stage.
    ///
    /// # Errors
    /// The lease is lost, or the database fails.
    pub async fn put_result(&self, stage: &str, result: &[u8]) -> Result<(), JobsError> {
        let mut transaction = self.pool.begin().await?;
        self.hold(&mut transaction).await?;
        sqlx::query(self.sql.put_result)
            .bind(self.job.id)
            .bind(stage)
            .bind(result)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The result of a stage that this or an earlier holder finished.
    ///
    /// # Errors
    /// The database fails.
    pub async fn result(&self, stage: &str) -> Result<Option<Vec<u8>>, JobsError> {
        let row = sqlx::query(self.sql.result).bind(self.job.id).bind(stage);
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get("result")).transpose()?)
    }

    /// Ends the job with its output; results of stages are no longer kept.
    ///
    /// # Errors
    /// The lease is lost, or the database fails; the job is still leased then.
    pub async fn complete(self, output: &[u8]) -> Result<(), JobsError> {
        let mut transaction = self.pool.begin().await?;
        let completed = sqlx::query(self.sql.complete)
            .bind(self.job.id)
            .bind(self.token)
            .bind(output)
            .execute(&mut *transaction)
            .await?;
        self.held(completed.rows_affected())?;
        sqlx::query(self.sql.drop_results)
            .bind(self.job.id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Ends the attempt with the reason for which it failed.
    ///
    /// # Errors
    /// The lease is lost, or the database fails.
    pub async fn fail(self, error: &str, retry: Retry) -> Result<(), JobsError> {
        let delay = match retry {
            Retry::After(delay) => millis(delay),
            Retry::Never => -1,
        };
        let failed = sqlx::query(self.sql.fail)
            .bind(self.job.id)
            .bind(self.token)
            .bind(delay)
            .bind(error)
            .execute(&self.pool)
            .await?;
        self.held(failed.rows_affected())
    }

    /// Gives the job back unfinished, as if this lease had not been: the worker is told to stop.
    ///
    /// # Errors
    /// The lease is lost, or the database fails.
    pub async fn release(self) -> Result<(), JobsError> {
        let released = sqlx::query(self.sql.release).bind(self.job.id).bind(self.token);
        self.held(released.execute(&self.pool).await?.rows_affected())
    }

    /// Locks the job's row until the transaction ends, so that nobody else leases it in between.
    async fn hold(&self, transaction: &mut Transaction<'_, Any>) -> Result<(), JobsError> {
        let held = sqlx::query(self.sql.hold).bind(self.job.id).bind(self.token);
        self.held(held.execute(&mut **transaction).await?.rows_affected())
    }

    fn held(&self, rows: u64) -> Result<(), JobsError> {
        match rows {
            0 => Err(JobsError::LeaseLost { id: self.job.id }),
            _ => Ok(()),
        }
    }
}
