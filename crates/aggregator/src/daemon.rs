//! The coordinator as a running program: watcher, ingress, planner, servers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use cwe_jobs::Queue;
use cwe_sequencer::ops;
use cwe_service::{Bounded, From, Running, ready_flag, sqlite_folder};
use cwe_srs::{Setup, SrsStore};
use cwe_usage_circuits::{SRS_K, VerifyingKeys};
use eyre::{Result, WrapErr, ensure};
use metrics::gauge;
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Config,
    chain::{Chain, ChainClient, Settlements},
    guest::GuestMaker,
    ingress::{Counts, Ingress},
    maker::AggregateMaker,
    peers::{PeerClient, Peers, Tokens},
    planner::Planner,
    receipt::ReceiptSigner,
    server::{Api, router},
    settler::Settler,
    status::Statuses,
    store::Store,
    verifier::RevealVerifier,
    view::View,
};

/// Starts a coordinator on the L2 of its configuration; it stops with `shutdown`.
///
/// # Errors
/// The chain can't be reached, there is no key, store or queue, or an address is taken.
pub async fn run(config: &Config, shutdown: CancellationToken) -> Result<Running> {
    ops::record_metrics()?;
    sqlite_folder(config.serve.database())?;
    let opened = Store::open(config.serve.database()).await;
    let store = opened.wrap_err("serve.database can't be opened")?;
    let chain = Arc::new(ChainClient::connect(config, store.clone()).await?);
    let signer = config.account.key().signer()?;
    let payouts = chain.addresses().payouts;
    let signer = ReceiptSigner::new(signer, config.l2.chain_id, payouts);
    let setup = config.proofs.setup()?;
    let keys = tokio::task::spawn_blocking(move || verifying_keys(setup));
    let keys = keys.await.wrap_err("deriving the verifying key")??;
    let maker = Arc::new(GuestMaker::new(&keys)?);
    let verifier = RevealVerifier::new(keys);
    if let Some(theirs) = chain.reveal_key_hash().await? {
        let ours = maker.key_hash();
        ensure!(
            theirs == ours,
            "the chain's verifier takes Reveal proofs of the key {theirs}, this program's is {ours}: set proofs.srs and \
             proofs.srs_sha256 to the chain's reference string, or take the release that belongs to the chain"
        );
    }
    let tokens = match config.peers.tokens_file.as_os_str().is_empty() {
        true => Tokens::default(),
        false => Tokens::read(&config.peers.tokens_file)?,
    };
    let queue = match config.aggregates.queue.is_empty() {
        true => None,
        false => Some(
            Queue::open(config.aggregates.queue.expose())
                .await
                .wrap_err("aggregates.queue can't be opened")?,
        ),
    };

    let coordinator = signer.coordinator();
    let counts = Arc::new(Counts::of(&store).await?);
    let statuses = Arc::new(Statuses::default());
    let (shown, view) = watch::channel(None);
    let (ingress, worker) = Ingress::start(
        view.clone(),
        store.clone(),
        counts.clone(),
        signer,
        verifier,
        &config.limits,
    );
    let peers = Peers {
        tokens,
        store: store.clone(),
        coordinator,
    };
    let timeout = Duration::from_millis(config.peers.request_timeout_ms);
    let settler = queue.clone().filter(|_| config.aggregates.settle).map(|queue| Settler {
        chain: chain.clone(),
        view: view.clone(),
        statuses: statuses.clone(),
        store: store.clone(),
        queue,
        chain_id: config.l2.chain_id,
        payouts,
        max_attempts: config.aggregates.max_attempts,
        divided: Mutex::default(),
    });
    let planner = Planner {
        chain: chain.clone(),
        view: view.clone(),
        store,
        queue,
        maker,
        peers: PeerClient::new(&config.peers.ask, timeout)?,
        statuses: statuses.clone(),
        counts,
        rule: config.aggregates.clone(),
        chain_id: config.l2.chain_id,
        payouts,
        coordinator,
        memory: Default::default(),
    };
    let (ready, report) = ready_flag();
    let pause = config.l2.poll_interval();
    let mut tasks = JoinSet::new();
    tasks.spawn(watch_chain(chain, shown, ready.clone(), pause, shutdown.clone()));
    tasks.spawn(plan(planner, settler, pause, shutdown.clone()));

    let ops = ops::serve_with(config.ops.listen, report, Router::new(), shutdown.clone()).await?;
    let listener = TcpListener::bind(config.serve.listen)
        .await
        .wrap_err_with(|| format!("can't listen on {}: choose another address", config.serve.listen))?;
    let address = listener.local_addr().wrap_err("serve.listen")?;
    let lifetime = Duration::from_secs(config.limits.connection_secs);
    let listener = Bounded::new(listener, config.limits.connections as usize, lifetime);
    let service = router(Arc::new(Api::new(ingress, statuses, peers)));
    let stop = shutdown.clone();
    tasks.spawn(async move {
        let service = service.into_make_service_with_connect_info::<From>();
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        // The routes are gone, and with them the ingress: its worker ends after what it has.
        worker.await.wrap_err("the worker of the ingress panicked")?;
        served.wrap_err("the server failed")
    });
    info!(%address, %coordinator, "takes reveals");
    Ok(Running {
        address,
        ops,
        tasks,
        shutdown,
    })
}

fn verifying_keys(setup: Setup) -> Result<VerifyingKeys> {
    let params = SrsStore::new(setup)?.params(SRS_K)?;
    VerifyingKeys::derive(&params).wrap_err("deriving the verifying key of Reveal proofs")
}

async fn watch_chain<C: Chain>(
    chain: Arc<C>,
    shown: watch::Sender<Option<Arc<View>>>,
    ready: Arc<AtomicBool>,
    pause: Duration,
    shutdown: CancellationToken,
) -> Result<()> {
    loop {
        let last = shown.borrow().clone();
        let looked = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            looked = chain.look(last) => looked,
        };
        match looked {
            Ok(view) => {
                gauge!("cwe_aggregator_head_seconds").set(view.head_secs as f64);
                shown.send_replace(Some(Arc::new(view)));
                ready.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                ready.store(false, Ordering::Relaxed);
                warn!(%error, "the chain can't be looked at");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One after the other: both send from one account.
async fn plan<C: Settlements, M: AggregateMaker>(
    mut planner: Planner<C, M>,
    settler: Option<Settler<C>>,
    pause: Duration,
    shutdown: CancellationToken,
) -> Result<()> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = turn(&mut planner, settler.as_ref()) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn turn<C: Settlements, M: AggregateMaker>(planner: &mut Planner<C, M>, settler: Option<&Settler<C>>) {
    planner.turn().await;
    if let Some(settler) = settler
        && let Err(failure) = settler.turn().await
    {
        warn!(error = %failure, "can't settle now");
    }
}
