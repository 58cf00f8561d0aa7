//! The hub as a running program: follower and server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use cwe_fingerprint_index::Options;
use cwe_sequencer::ops;
use cwe_service::{Bounded, From, Running, ready_flag, sqlite_folder};
use eyre::{Result, WrapErr};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Config,
    chain::{Chain, L2},
    follower::Follower,
    indices::Indices,
    jws::HubSigner,
    server::{Api, router},
    store::Store,
};

/// Starts a hub on the L2 of its configuration; it stops with `shutdown`.
///
/// # Errors
/// The chain can't be reached, there is no key or store, the folder of the indices can't be used, or an address is taken.
pub async fn run(config: &Config, shutdown: CancellationToken) -> Result<Running> {
    ops::record_metrics()?;
    let addresses = config.l2.addresses()?;
    let signer = HubSigner::new(config.answers.key().signer()?);
    let (chain_id, registry) = (config.l2.chain_id, addresses.registry);
    sqlite_folder(config.serve.database())?;
    let opened = Store::open(config.serve.database(), &format!("{chain_id} {registry}")).await;
    let store = opened.wrap_err("serve.database can't be opened")?;
    let chain = L2::new(config.l2.connect().await?, addresses);
    let options = Options {
        min_bucket_works: config.serve.bucket_works.into(),
        ..Options::default()
    };
    let opened = Indices::open(store.clone(), &config.serve.index, &options).await;
    let indices = Arc::new(opened.wrap_err("serve.index can't be used")?);
    let (ready, report) = ready_flag();
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(
        Follower::new(chain, store.clone()),
        indices.clone(),
        ready,
        config.l2.poll_interval(),
        shutdown.clone(),
    ));
    let ops = ops::serve_with(config.ops.listen, report, Router::new(), shutdown.clone()).await?;
    let listener = TcpListener::bind(config.serve.listen)
        .await
        .wrap_err_with(|| format!("can't listen on {}: choose another address", config.serve.listen))?;
    let address = listener.local_addr().wrap_err("serve.listen")?;
    let lifetime = Duration::from_secs(config.limits.connection_secs);
    let listener = Bounded::new(listener, config.limits.connections as usize, lifetime);
    let key = signer.key().thumbprint().to_owned();
    let api = Api::new(store, indices, signer, (chain_id, registry), &config.limits);
    let service = router(Arc::new(api)).into_make_service_with_connect_info::<From>();
    let stop = shutdown.clone();
    tasks.spawn(async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .wrap_err("the server failed")
    });
    info!(%address, key, "serves");
    Ok(Running {
        address,
        ops,
        tasks,
        shutdown,
    })
}

/// Follows the chain and keeps the indices in step. Ready is a hub that has read all there is and is in step.
async fn follow<C: Chain>(
    mut follower: Follower<C>,
    indices: Arc<Indices>,
    ready: Arc<AtomicBool>,
    pause: Duration,
    shutdown: CancellationToken,
) -> Result<()> {
    loop {
        let turn = async {
            let more = match follower.step().await {
                Ok(more) => more,
                Err(error) => {
                    warn!(%error, "the chain can't be followed now");
                    ready.store(false, Ordering::Relaxed);
                    return false;
                }
            };
            if let Err(error) = indices.catch_up().await {
                warn!(%error, "the indices are behind");
                ready.store(false, Ordering::Relaxed);
                return false;
            }
            ready.store(!more, Ordering::Relaxed);
            more
        };
        let more = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            more = turn => more,
        };
        if !more {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
