//! A durable queue of jobs that take minutes to hours: what a daemon asks to be proven goes in, workers on one or many
//! machines take jobs under a lease, and outputs come back. The prover daemon and the aggregation coordinator use it.
//!
//! - A job is named by its kind and key; enqueueing it twice is one job.
//! - A [`Lease`] ends by itself unless its holder renews it ([`Lease::keep_alive`]), so a worker that dies gives its
//!   job back. Each lease has a higher token than the one before; whoever lost its lease can write nothing more.
//! - The results of finished stages are kept with the job, so that its next holder, on whatever machine, goes on
//!   after them.
//! - Times are the database's, so that the clocks of workers need not agree.
//!
//! SQLite (`sqlite:queue.db`) for one machine, PostgreSQL (`postgres://…`) for many; the rules are the same and so are
//! the tests.

mod error;
mod job;
mod keep_alive;
mod lease;
mod queue;
mod statements;

pub use error::JobsError;
pub use job::{Job, JobState, NewJob, Progress};
pub use keep_alive::KeepAlive;
pub use lease::{Lease, Retry};
pub use queue::{Counts, Enqueued, Queue};
