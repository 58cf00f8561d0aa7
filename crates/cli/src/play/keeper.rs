//! What was heard goes into the wallet, which is open only meanwhile: other commands may use it while something plays.

use std::sync::Arc;

use cwe_wallet::{Played, Recorded};
use eyre::{Result, WrapErr};

use crate::{economy::now_secs, wallet::Access};

/// Writes sessions down.
#[derive(Clone)]
pub(super) struct Keeper {
    access: Arc<Access>,
}

impl Keeper {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access: Arc::new(access),
        }
    }

    /// Records sessions, all or none.
    ///
    /// # Errors
    /// The wallet is in use, gone or full.
    pub(super) async fn keep(&self, sessions: Vec<Played>) -> Result<Vec<Recorded>> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let access = self.access.clone();
        // Opening it takes a second of work, so that passwords can't be guessed.
        let kept = tokio::task::spawn_blocking(move || Ok(access.open()?.record_all(&sessions, now_secs()?)?));
        kept.await.wrap_err("writing to the wallet")?
    }
}
