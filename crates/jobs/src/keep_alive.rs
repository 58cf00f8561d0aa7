//! Heartbeats.

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{JobsError, Lease, Progress};

/// Renewals in the time of one lease: two may fail before it ends.
const RENEWALS_PER_LEASE: u32 = 3;

/// Renews a lease in the background until it is dropped, and tells when the lease is lost.
#[derive(Debug)]
pub struct KeepAlive {
    at: watch::Sender<(String, Progress)>,
    lost: CancellationToken,
    _stop: DropGuard,
}

impl KeepAlive {
    pub(crate) fn start(lease: Lease) -> Self {
        let job = lease.job();
        let (at, reports) = watch::channel((job.stage.clone(), job.progress));
        let lost = CancellationToken::new();
        let stop = CancellationToken::new();
        tokio::spawn(beat(lease, reports, lost.clone(), stop.clone()));
        Self {
            at,
            lost,
            _stop: stop.drop_guard(),
        }
    }

    /// Tells with the next heartbeat that the work is at this point.
    pub fn report(&self, stage: &str, progress: Progress) {
        self.at.send_replace((stage.to_owned(), progress));
    }

    /// Cancelled when the lease is lost: work that still runs is for nothing.
    pub const fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

async fn beat(
    lease: Lease,
    reports: watch::Receiver<(String, Progress)>,
    lost: CancellationToken,
    stop: CancellationToken,
) {
    let interval = lease.duration() / RENEWALS_PER_LEASE;
    let mut ends = Instant::now() + lease.duration();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        let (stage, progress) = reports.borrow().clone();
        let started = Instant::now();
        match lease.renew(&stage, progress).await {
            Ok(()) => ends = started + lease.duration(),
            Err(JobsError::LeaseLost { id }) => {
                tracing::warn!(job = id, "the lease is lost");
                return lost.cancel();
            }
            Err(error) if Instant::now() >= ends => {
                tracing::warn!(job = lease.job().id, %error, "the lease ended before it could be renewed");
                return lost.cancel();
            }
            Err(error) => tracing::warn!(job = lease.job().id, %error, "the lease can't be renewed now"),
        }
    }
}

const _: () = assert!(RENEWALS_PER_LEASE > 1, "one failed renewal must not end a lease");
