//! A daemon at work: its address, its parts, its end.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cwe_sequencer::{
    ConfigError,
    keys::KeySource,
    load::rejected,
    ops::{OpsServer, Ready},
};
use eyre::{Result, WrapErr, eyre};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Longest wait for requests under way at the end.
const GRACE: Duration = Duration::from_secs(10);

/// A daemon at work.
#[derive(Debug)]
pub struct Running {
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Health and metrics.
    pub ops: OpsServer,
    /// Its parts; none ends before `shutdown`.
    pub tasks: JoinSet<Result<()>>,
    /// Ends all of them.
    pub shutdown: CancellationToken,
}

impl Running {
    /// Waits for its end: after the requests under way, at shutdown.
    ///
    /// # Errors
    /// A part of it ended by itself.
    pub async fn wait(mut self) -> Result<()> {
        let outcome = tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next() => match ended {
                Ok(Err(error)) => Err(error),
                Err(error) => Err(eyre!("a part of the program panicked: {error}")),
                Ok(Ok(())) if self.shutdown.is_cancelled() => Ok(()),
                Ok(Ok(())) => Err(eyre!("a part of the program ended by itself")),
            },
        };
        self.shutdown.cancel();
        let stopped = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, stopped).await.is_err() {
            warn!("requests were still under way at the end of the grace period");
        }
        outcome
    }
}

/// A flag, and what `/ready` answers while it stands.
pub fn ready_flag() -> (Arc<AtomicBool>, Ready) {
    let flag = Arc::new(AtomicBool::new(false));
    let shown = flag.clone();
    let report = move || {
        let ready = shown.load(Ordering::Relaxed);
        (ready, serde_json::json!({ "ready": ready }))
    };
    (flag, Arc::new(report))
}

/// Makes the folder of a `sqlite:` address; SQLite makes a file, not its folder.
///
/// # Errors
/// It can't be made.
pub fn sqlite_folder(database: &str) -> Result<()> {
    let path = database
        .strip_prefix("sqlite:")
        .map(|path| path.trim_start_matches("//"));
    let file = path.map(|path| path.split_once('?').map_or(path, |(file, _)| file));
    match file.map(Path::new).and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).wrap_err_with(|| format!("creating {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Checks that a section gives its key in exactly one way. `key` names `private_key_file` in it, `purpose` says what
/// there is no key for.
///
/// # Errors
/// [`ConfigError::Rejected`].
pub fn require_key(source: &KeySource<'_>, key: &'static str, purpose: &str) -> Result<(), ConfigError> {
    let section = source.section;
    match (source.key.is_empty(), source.file.as_os_str().is_empty()) {
        (true, true) => rejected(
            key,
            format!(
                "no key to {purpose}: set this, or CWE_{}__PRIVATE_KEY",
                section.to_uppercase()
            ),
        ),
        (false, false) => rejected(key, format!("{section}.private_key is set too: give only one of them")),
        _ => Ok(()),
    }
}
