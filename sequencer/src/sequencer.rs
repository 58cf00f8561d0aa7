//! Starting the sequencer: database, journal, engine, L1 task, servers, in this order.

use std::{path::Path, sync::Arc, time::Duration};

use cwe_bridge::{
    BatchPoster, DataPolicy, Deployment, FeeCaps, InboxWatcher, L1Client, PosterConfig, run_sequencer_task,
};
use cwe_chain::{BatchingConfig, ChainHandle, Engine, EngineConfig, EngineHandle};
use cwe_executor::Genesis;
use cwe_primitives::blob;
use cwe_storage::{Database, Journal};
use eyre::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::{BatchesSection, Config},
    genesis, keys, ops,
    running::{self, Parts, RunningNode},
};

/// Most bytes that the journal grows to: some blocks' worth of transactions.
const JOURNAL_BYTES: usize = 4 << 30;

/// Most bytes of transactions in a block that still fits one batch in call data.
const CALLDATA_BLOCK_BYTES: usize = 110_000;

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// Starts a sequencer.
///
/// # Errors
/// What is wrong with configuration, data directory or L1, and what to do.
pub async fn run_sequencer(config: Config, shutdown: CancellationToken) -> Result<RunningNode> {
    config.check()?;
    ops::record_metrics()?;
    let genesis = genesis::read(&config.genesis)?;
    let db = running::open_database(&config.data_dir.join("chain"), &config.storage, &genesis)?;
    let genesis_batch = running::genesis_batch(&db)?;
    let deployment = Deployment {
        l2_chain_id: genesis.spec.chain_id,
        genesis_batch_hash: genesis_batch.hash(),
    };
    let l1 = running::connect_l1(&config.l1, deployment).await?;
    let engine_config = fitting_blocks(config.engine.clone(), &config.batches, &l1).await;
    let (chain, engine) = start_engine(engine_config, &genesis, db, &config.data_dir.join("journal")).await?;

    let watcher = InboxWatcher::new(l1.clone(), chain.clone(), engine.clone());
    let poster = poster(&config.batches, &l1, &chain)?;
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

async fn start_engine(
    config: EngineConfig,
    genesis: &Genesis,
    db: Arc<Database>,
    journal: &Path,
) -> Result<(ChainHandle, EngineHandle)> {
    let (spec, journal) = (genesis.spec.clone(), journal.to_path_buf());
    let started = tokio::task::spawn_blocking(move || -> Result<_> {
        let genesis_hash = db.genesis_hash()?.unwrap_or_default();
        let journal = Journal::open(&journal, spec.chain_id, genesis_hash, JOURNAL_BYTES)
            .wrap_err("the journal can't be opened")?;
        Engine::start(config, spec, db, journal).wrap_err("the engine can't be started")
    });
    started.await.wrap_err("starting the engine")?
}

/// Makes blocks small enough that one of them always fits a batch on this L1.
async fn fitting_blocks(mut engine: EngineConfig, batches: &BatchesSection, l1: &L1Client) -> EngineConfig {
    let calldata = match batches.data {
        DataPolicy::Calldata => true,
        DataPolicy::Blobs => false,
        // Unknown while the L1 is down; then the configured size stands.
        DataPolicy::Auto => l1.latest().await.is_ok_and(|head| !head.has_blobs),
    };
    let blob_bytes = (batches.max_blobs * blob::BLOB_DATA).saturating_sub(blob::BLOB_DATA / 8);
    let limit = if calldata { CALLDATA_BLOCK_BYTES } else { blob_bytes };
    if engine.max_block_bytes > limit {
        warn!(
            configured = engine.max_block_bytes,
            limit, "engine.max_block_bytes is lowered: a block must fit a batch"
        );
        engine.max_block_bytes = limit;
    }
    engine
}

fn poster(batches: &BatchesSection, l1: &Arc<L1Client>, chain: &ChainHandle) -> Result<Option<BatchPoster>> {
    if !batches.enabled {
        warn!("batches.enabled = false: nothing is posted to L1, full nodes see no new blocks");
        return Ok(None);
    }
    let config = PosterConfig {
        data: batches.data,
        batching: BatchingConfig {
            max_blobs: batches.max_blobs,
            max_age_secs: batches.max_age_ms.div_ceil(1_000),
            ..BatchingConfig::default()
        },
        resubmit_after: Duration::from_millis(batches.resubmit_after_ms),
        fee_caps: FeeCaps {
            max_fee_per_gas: u128::from(batches.max_fee_gwei).saturating_mul(GWEI),
            max_fee_per_blob_gas: u128::from(batches.max_blob_fee_gwei).saturating_mul(GWEI),
        },
        relay_l1_block: (batches.relay_l1_block_ms > 0).then(|| Duration::from_millis(batches.relay_l1_block_ms)),
    };
    let poster = BatchPoster::new(l1.clone(), chain.clone(), config, keys::poster(batches)?);
    info!(address = %poster.address(), "posts batches");
    Ok(Some(poster))
}
