//! Starting the sequencer: database, journal, engine, L1 task, servers, in this order.

use std::{path::Path, sync::Arc, time::Duration};

use cwe_bridge::{BatchPoster, FeeCaps, InboxWatcher, L1Client, PosterConfig, run_sequencer_task};
use cwe_chain::{BatchingConfig, ChainHandle, Engine, EngineConfig, EngineHandle};
use cwe_executor::Genesis;
use cwe_storage::{Database, Journal};
use eyre::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::Config,
    keys,
    running::{Base, L1_PATIENCE, Parts, RunningNode},
};

/// Most bytes that the journal grows to: some blocks' worth of transactions.
const JOURNAL_BYTES: usize = 4 << 30;

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// Starts a sequencer.
///
/// # Errors
/// What is wrong with configuration, data directory or L1, and what to do.
pub async fn run_sequencer(config: Config, shutdown: CancellationToken) -> Result<RunningNode> {
    config.check()?;
    let Base { genesis, db, l1 } = Base::open(&config.data_dir, &config.genesis, &config.storage, &config.l1).await?;
    let journal = open_journal(&config.data_dir.join("journal"), &genesis, &db).await?;
    forget_gone_messages(&l1, &db, &journal).await?;
    let (chain, engine) = start_engine(config.engine.clone(), &genesis, db, journal).await?;

    let watcher = InboxWatcher::new(l1.clone(), chain.clone(), engine.clone());
    let poster = poster(&config, &l1, &chain)?;
    if let Some(poster) = &poster {
        check_data_policy(poster, &l1).await?;
    }
    let mut l1_task = JoinSet::new();
    let (watched, stopper) = (run_sequencer_task(watcher, poster, shutdown.clone()), engine.clone());
    l1_task.spawn(async move {
        let outcome = watched.await;
        if let Err(error) = &outcome {
            error!(%error, "sequencing stops");
            if let Err(error) = stopper.shutdown().await {
                error!(%error, "the engine could not be stopped in order");
            }
        }
        outcome
    });
    let parts = Parts {
        chain,
        engine: Some(engine),
        l1,
        l1_task,
        shutdown,
    };
    RunningNode::serve(parts, config.rpc, &config.ops).await
}

async fn open_journal(folder: &Path, genesis: &Genesis, db: &Arc<Database>) -> Result<Journal> {
    let (folder, chain_id, db) = (folder.to_path_buf(), genesis.spec.chain_id, Arc::clone(db));
    let opened = tokio::task::spawn_blocking(move || -> Result<_> {
        let genesis_hash = db.genesis_hash()?.unwrap_or_default();
        Journal::open(&folder, chain_id, genesis_hash, JOURNAL_BYTES).wrap_err("the journal can't be opened")
    });
    opened.await.wrap_err("opening the journal")?
}

/// Messages that L1 no longer has must not be executed; an L1 that does not answer now delays nothing.
async fn forget_gone_messages(l1: &L1Client, db: &Arc<Database>, journal: &Journal) -> Result<()> {
    if !l1.is_checked() {
        return Ok(());
    }
    let snapshot = db.latest()?;
    let stored = snapshot.queue_after(snapshot.number())?.unwrap_or_default().next_index;
    let executed = journal.next_message().map_or(stored, |next| next.max(stored));
    drop(snapshot);
    match tokio::time::timeout(L1_PATIENCE, cwe_bridge::forget_gone_messages(l1, db, executed)).await {
        Ok(Err(error)) if error.is_fatal() => Err(error.into()),
        Ok(Err(error)) => {
            warn!(%error, "messages that wait for execution can't be compared with L1 now");
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn start_engine(
    config: EngineConfig,
    genesis: &Genesis,
    db: Arc<Database>,
    journal: Journal,
) -> Result<(ChainHandle, EngineHandle)> {
    let spec = genesis.spec.clone();
    let started = tokio::task::spawn_blocking(move || Engine::start(config, spec, db, journal));
    started
        .await
        .wrap_err("starting the engine")?
        .wrap_err("the engine can't be started")
}

/// Refuses an L1 that can't take our batches; if it does not answer now, the poster looks before it posts.
async fn check_data_policy(poster: &BatchPoster, l1: &L1Client) -> Result<()> {
    if !l1.is_checked() {
        return Ok(());
    }
    match tokio::time::timeout(L1_PATIENCE, poster.check_data_policy()).await {
        Ok(Err(error)) if error.is_fatal() => Err(error.into()),
        _ => Ok(()),
    }
}

fn poster(config: &Config, l1: &Arc<L1Client>, chain: &ChainHandle) -> Result<Option<BatchPoster>> {
    let batches = &config.batches;
    if !batches.enabled {
        warn!("batches.enabled = false: nothing is posted to L1, full nodes see no new blocks");
        return Ok(None);
    }
    let poster_config = PosterConfig {
        data: batches.data,
        max_block_bytes: config.engine.max_block_bytes,
        batching: BatchingConfig {
            max_blobs: batches.max_blobs,
            max_age_secs: batches.max_age_ms.div_ceil(1_000),
            ..BatchingConfig::default()
        },
        resubmit_after: Duration::from_millis(batches.resubmit_after_ms),
        fee_caps: FeeCaps {
            max_fee_per_gas: u128::from(batches.max_fee_gwei).saturating_mul(GWEI),
            max_fee_per_blob_gas: u128::from(batches.max_blob_fee_gwei).saturating_mul(GWEI),
            section: "batches",
        },
        relay_l1_block: (batches.relay_l1_block_ms > 0).then(|| Duration::from_millis(batches.relay_l1_block_ms)),
    };
    let poster = BatchPoster::new(l1.clone(), chain.clone(), poster_config, keys::poster(batches)?);
    info!(address = %poster.address(), "posts batches");
    Ok(Some(poster))
}
