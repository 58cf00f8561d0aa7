//! What can go wrong with the queue, and what to do about it.

/// Any failure of [`Queue`](crate::Queue) or [`Lease`](crate::Lease). Nothing of a failed call happened.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The connection string names no database that the queue can live in.
    #[error("a queue's address begins with sqlite: or postgres://, not {0:?}")]
    UnknownScheme(String),
    /// The database can't be reached or refuses a statement.
    #[error("the queue's database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables can't be brought to this program's schema, or are of a newer one.
    #[error("the queue's schema: {0}; if a newer program wrote it, upgrade this one")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// There is a job of this kind and key with other content.
    #[error("job {id} is {kind}/{key} with another payload: choose another key, or remove the job")]
    PayloadDiffers {
        /// The job that is there.
        id: i64,
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
    },
    /// The lease ended and the job may have another holder: stop working on it.
    #[error("the lease on job {id} is lost: another worker may have it")]
    LeaseLost {
        /// The job.
        id: i64,
    },
    /// No job has this number.
    #[error("there is no job {id}")]
    NoSuchJob {
        /// The number asked for.
        id: i64,
    },
    /// What was asked is not possible in the job's state.
    #[error("job {id} is {state}: only a {wanted} job can be {action}")]
    WrongState {
        /// The job.
        id: i64,
        /// Its state.
        state: String,
        /// The state it would have to be in.
        wanted: &'static str,
        /// What was asked.
        action: &'static str,
    },
    /// A row has a value that this program never writes.
    #[error("job {id} has the unknown state {state:?}: the queue was changed by something else")]
    UnknownState {
        /// The job.
        id: i64,
        /// What its row says.
        state: String,
    },
}
