//! Starting a full node: database, L1 follower, servers.

use std::{sync::Arc, time::Duration};

use cwe_bridge::{BlobFetcher, BlobSource, L1Follower};
use cwe_chain::{ChainHandle, EngineConfig, TransactionSubmitter, submit::ReadOnly};
use eyre::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    config::{BlobsSection, NodeConfig},
    forwarder::Forwarder,
    running::{Base, Parts, RunningNode},
};

/// Starts a full node.
///
/// # Errors
/// What is wrong with configuration, data directory or L1, and what to do.
pub async fn run_full_node(config: NodeConfig, shutdown: CancellationToken) -> Result<RunningNode> {
    config.check()?;
    let Base { genesis, db, l1 } = Base::open(&config.data_dir, &config.genesis, &config.storage, &config.l1).await?;
    let backlog = EngineConfig::default().event_backlog;
    let chain = ChainHandle::new(genesis.spec, db, submitter(&config.sequencer_url)?, backlog)
        .wrap_err("the chain can't be read")?;

    let timeout = Duration::from_millis(config.l1.request_timeout_ms);
    let blobs = BlobFetcher::new(sources(&config.blobs), l1.clone(), timeout)?;
    let mut l1_task = JoinSet::new();
    l1_task.spawn(L1Follower::new(l1.clone(), chain.clone(), blobs).run(shutdown.clone()));
    let parts = Parts {
        chain,
        engine: None,
        l1,
        l1_task,
        shutdown,
    };
    RunningNode::serve(parts, config.rpc, &config.ops).await
}

fn submitter(sequencer_url: &str) -> Result<Arc<dyn TransactionSubmitter>> {
    if sequencer_url.is_empty() {
        return Ok(Arc::new(ReadOnly));
    }
    Ok(Arc::new(Forwarder::new(sequencer_url)?))
}

fn sources(blobs: &BlobsSection) -> Vec<BlobSource> {
    let beacons = blobs.beacon_urls.iter().cloned().map(BlobSource::Beacon);
    let anvil = blobs.anvil.then_some(BlobSource::Anvil);
    let archives = blobs.archive_urls.iter().cloned().map(BlobSource::Archive);
    let sources: Vec<_> = beacons.chain(anvil).chain(archives).collect();
    if sources.is_empty() {
        warn!("no source of blobs is configured: batches in blobs can't be followed");
    }
    sources
}
