//! The sequencer's L1 task: watching and posting in turn, so that only one of them touches the batches at a time.

use tokio_util::sync::CancellationToken;

use crate::{
    BatchPoster, InboxWatcher, TaskError,
    turns::{Turns, until_shutdown},
};

/// Runs watcher and poster until shutdown.
///
/// # Errors
/// A fatal [`TaskError`]: the sequencer must stop.
pub async fn run_sequencer_task(
    mut watcher: InboxWatcher,
    mut poster: Option<BatchPoster>,
    shutdown: CancellationToken,
) -> Result<(), TaskError> {
    let interval = watcher.poll_interval();
    let mut watching = Turns::new("watching L1", interval);
    let mut posting = Turns::new("posting batches", interval);
    while let Some(outcome) = until_shutdown(&shutdown, watcher.turn()).await {
        watching.note(outcome)?;
        if let Some(poster) = &mut poster {
            let Some(outcome) = until_shutdown(&shutdown, poster.turn()).await else {
                break;
            };
            posting.note(outcome)?;
        }
        let pause = if poster.is_some() {
            watching.pause().min(posting.pause())
        } else {
            watching.pause()
        };
        if until_shutdown(&shutdown, tokio::time::sleep(pause)).await.is_none() {
            break;
        }
    }
    Ok(())
}
