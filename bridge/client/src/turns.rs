//! The rhythm of an L1 task: a turn per poll interval, slower while turns fail, one log line per kind of failure.

use std::{fmt, future::Future, time::Duration};

use metrics::counter;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{L1Error, TaskError};

/// What [`Turns`] wants to know of a failed turn.
pub trait TurnFailure: fmt::Display {
    /// Whether the task must stop: waiting can't help, going on would harm.
    fn is_fatal(&self) -> bool;

    /// Short stable name, a metric's label.
    fn reason(&self) -> &'static str;

    /// Whether the L1 is down, which its client has logged once for all tasks.
    fn is_outage(&self) -> bool;
}

impl TurnFailure for TaskError {
    fn is_fatal(&self) -> bool {
        Self::is_fatal(self)
    }

    fn reason(&self) -> &'static str {
        Self::reason(self)
    }

    fn is_outage(&self) -> bool {
        matches!(self, Self::L1(L1Error::Unreachable { .. }))
    }
}

/// Longest pause after failed turns.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Niceness of long computations: about a tenth of a processor where others want all of it.
#[cfg(target_os = "linux")]
const BACKGROUND_NICENESS: i32 = 10;

/// Remembers how the last turns of one activity went.
#[derive(Debug)]
pub struct Turns {
    activity: &'static str,
    interval: Duration,
    pause: Duration,
    /// The failure that was logged last; the same one is not logged again.
    failure: Option<String>,
}

impl Turns {
    /// Turns of an activity, an `interval` apart while they succeed.
    pub const fn new(activity: &'static str, interval: Duration) -> Self {
        Self {
            activity,
            interval,
            pause: interval,
            failure: None,
        }
    }

    /// Notes how a turn went.
    ///
    /// # Errors
    /// Hands a fatal failure back.
    pub fn note<F: TurnFailure>(&mut self, outcome: Result<(), F>) -> Result<(), F> {
        let Err(failure) = outcome else {
            self.pause = self.interval;
            if self.failure.take().is_some() {
                info!(activity = self.activity, "goes on");
            }
            return Ok(());
        };
        counter!("cwe_l1_task_errors_total", "activity" => self.activity, "reason" => failure.reason()).increment(1);
        if failure.is_fatal() {
            error!(activity = self.activity, %failure, "stops");
            return Err(failure);
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE.max(self.interval));
        self.log(&failure);
        Ok(())
    }

    fn log(&mut self, failure: &impl TurnFailure) {
        let text = failure.to_string();
        if failure.is_outage() {
            // An L1 that restarts should not be waited for long.
            self.pause = self.interval;
            debug!(activity = self.activity, %failure, "waits for L1");
        } else if self.failure.as_ref() == Some(&text) {
            debug!(activity = self.activity, %failure, "still fails");
        } else {
            warn!(activity = self.activity, %failure, "will be tried again");
        }
        self.failure = Some(text);
    }

    /// Time until the next turn.
    pub const fn pause(&self) -> Duration {
        self.pause
    }
}

/// Waits for `work` or for the shutdown; `None` on shutdown.
pub async fn until_shutdown<T>(shutdown: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        done = work => Some(done),
    }
}

/// Runs blocking work (database writes, KZG) off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TaskError> + Send + 'static,
) -> Result<T, TaskError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| TaskError::Worker(error.to_string()))?
}

/// Runs a long computation (compression, KZG) on a thread of its own and with low priority: a batch can wait for the
/// processor, whoever sends transactions should not. The work must hold no lock that others wait for.
pub(crate) async fn background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TaskError> + Send + 'static,
) -> Result<T, TaskError> {
    let (done, result) = oneshot::channel();
    let body = move || {
        lower_priority();
        // The turn may be over: then nobody wants the result.
        let _ = done.send(work());
    };
    let failed = |reason: String| TaskError::Worker(reason);
    std::thread::Builder::new()
        .name("batching".into())
        .spawn(body)
        .map_err(|error| failed(format!("its thread can't be started: {error}")))?;
    result.await.map_err(|_| failed("its thread died".into()))?
}

/// Of this thread only, which other systems than Linux don't offer.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(BACKGROUND_NICENESS) {
        debug!(%error, "background work keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_turns_come_slower_and_recover_at_once() {
        let mut turns = Turns::new("test", Duration::from_secs(2));
        for expected in [4, 8, 16, 32, 60, 60] {
            turns.note(Err(TaskError::Kzg("broken".into()))).unwrap();
            assert_eq!(turns.pause(), Duration::from_secs(expected));
        }
        turns.note(Ok::<(), TaskError>(())).unwrap();
        assert_eq!(turns.pause(), Duration::from_secs(2));
    }

    #[test]
    fn fatal_failures_end_the_task() {
        let mut turns = Turns::new("test", Duration::from_secs(2));
        assert!(turns.note(Err(TaskError::NoBlobsOnL1)).is_err());
    }
}
