//! `cwe devnet`: an L1 (anvil), the contracts, the sequencer and, if asked for, a full node, in one command.
//!
//! The folder it works in (temporary without `--data`) holds `l1-state.json`, `deployment.json`, `genesis.json`, the
//! configuration files `sequencer.toml` and `node.toml` with which the same daemons can be run by hand, and their data.

mod anvil;
mod banner;
mod configs;
pub(crate) mod l1;

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, U256},
    providers::{DynProvider, Provider},
};
use cwe_bindings::deploy::L1Addresses;
use cwe_primitives::ChainSpec;
use cwe_sequencer::{RunningNode, run_full_node, run_sequencer};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    genesis,
    network::{self, Contracts, Network},
    node::cancelled_by_signals,
    progress::Progress,
};
use anvil::{Anvil, AnvilOptions};
use configs::Ports;

/// How long the first deposits may take to arrive.
const FUNDING_TIMEOUT: Duration = Duration::from_secs(60);
/// How often they are looked for.
const FUNDING_POLL: Duration = Duration::from_millis(100);

/// Start an L1 and the L2 beside it, with funded accounts
#[derive(Debug, clap::Args)]
pub(crate) struct DevnetArgs {
    /// Port of the L1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = network::L1_PORT)]
    l1_port: u16,
    /// Port of the L2, HTTP and WebSocket; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = network::L2_PORT)]
    l2_port: u16,
    /// Start a full node too, which knows only the L1
    #[arg(long)]
    node: bool,
    /// Port of the full node; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9546)]
    node_port: u16,
    /// Port of the sequencer's /health, /ready and /metrics; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9600)]
    ops_port: u16,
    /// Chain id of the L1
    #[arg(long, value_name = "ID", default_value_t = network::L1_CHAIN_ID)]
    l1_chain_id: u64,
    /// Chain id of the L2
    #[arg(long, value_name = "ID", default_value_t = network::L2_CHAIN_ID)]
    l2_chain_id: u64,
    /// Gas limit of an L2 block; a chain that is kept keeps its own
    #[arg(long, value_name = "GAS", default_value_t = ChainSpec::DEFAULT_GAS_LIMIT)]
    gas_limit: u64,
    /// Seconds between two L1 blocks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    l1_block_time_secs: u64,
    /// Milliseconds from opening an L2 block to sealing it
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    block_time_ms: u64,
    /// Milliseconds that an L2 block waits at most before its batch is posted
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    batch_age_ms: u64,
    /// Keep everything in this folder and go on from there next time
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Deploy the verifier of proofs: batches can become final. A chain that is kept keeps its own, or none
    #[arg(long)]
    verifier: bool,
    /// Start the L1 only; the sequencer is run by hand with the configuration left in the folder of --data
    #[arg(long, requires = "data", conflicts_with = "node")]
    no_sequencer: bool,
    /// Print one line of JSON when ready instead of a page for people
    #[arg(long)]
    json: bool,
    /// Which log lines to show on standard error, such as info,cwe_bridge=debug
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

/// What is written once the contracts are deployed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    l1_chain_id: u64,
    l2_chain_id: u64,
    contracts: L1Addresses,
}

/// The running parts, in the order in which they are started.
struct Devnet {
    anvil: Anvil,
    sequencer: Option<RunningNode>,
    node: Option<RunningNode>,
    network: Network,
    /// What checks proofs on L1.
    verifier: Option<Address>,
}

/// Runs the command until it is interrupted or a part fails.
pub(crate) async fn run(args: &DevnetArgs) -> Result<()> {
    crate::node::init_logs(&args.log)?;
    let (folder, _temporary) = folder(args.data.as_deref())?;
    let _lock = lock(&folder)?;
    let shutdown = cancelled_by_signals()?;
    let mut devnet = tokio::select! {
        started = start(args, &folder, &shutdown) => started?,
        () = shutdown.cancelled() => bail!("interrupted while starting"),
    };
    if args.json {
        println!("{}", serde_json::to_string(&devnet.network)?);
        if let Some(node) = &devnet.node {
            eprintln!("full node: http://{}", node.rpc_addr);
        }
    } else {
        banner::print(&devnet, args.data.as_deref())?;
    }
    let outcome = tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(()),
        failure = devnet.failure() => Err(failure),
    };
    shutdown.cancel();
    let stopped = devnet.stop().await;
    outcome.and(stopped)
}

/// The folder to work in; a temporary one goes away with the second value.
fn folder(data: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    match data {
        Some(path) => {
            fs::create_dir_all(path).wrap_err_with(|| format!("creating {}", path.display()))?;
            let path = fs::canonicalize(path).wrap_err_with(|| format!("opening {}", path.display()))?;
            Ok((path, None))
        }
        None => {
            let folder = tempfile::Builder::new()
                .prefix("cwe-devnet-")
                .tempdir()
                .wrap_err("creating a folder")?;
            Ok((folder.path().to_path_buf(), Some(folder)))
        }
    }
}

/// One devnet per folder: two would overwrite each other's L1 state.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("devnet.lock");
    let file = File::create(&path).wrap_err_with(|| format!("creating {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another devnet uses {}: stop it, or give another --data folder",
                folder.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).wrap_err_with(|| format!("locking {}", path.display())),
    }
}

async fn start(args: &DevnetArgs, folder: &Path, shutdown: &CancellationToken) -> Result<Devnet> {
    let mut progress = Progress::new();
    progress.step("starting anvil");
    let anvil = Anvil::start(&AnvilOptions {
        port: args.l1_port,
        chain_id: args.l1_chain_id,
        accounts: l1::ANVIL_ACCOUNTS,
        state: &folder.join("l1-state.json"),
    })
    .await?;
    let l1 = l1::connect(&anvil.url)?;
    let deployment_file = folder.join("deployment.json");
    let fresh = !deployment_file.exists();
    let deployment = if fresh {
        progress.step("deploying the contracts and funding the accounts");
        deploy(args, folder, &l1, &deployment_file).await?
    } else {
        resume(args, &l1, &deployment_file).await?
    };
    l1::mine_every(&l1, args.l1_block_time_secs).await?;

    let ports = Ports {
        l2: args.l2_port,
        ops: args.ops_port,
        node: args.node_port,
    };
    let timing = configs::Timing {
        block_time_ms: args.block_time_ms,
        batch_age_ms: args.batch_age_ms,
    };
    let l1_section = configs::l1_section(&anvil.url, deployment.l1_chain_id, &deployment.contracts);
    let config = configs::write_sequencer(folder, &l1_section, ports, timing)?;
    let sequencer = if args.no_sequencer {
        None
    } else {
        progress.step("starting the sequencer");
        Some(run_sequencer(config, shutdown.child_token()).await?)
    };
    let l2_port = sequencer
        .as_ref()
        .map_or(args.l2_port, |sequencer| sequencer.rpc_addr.port());
    let network = describe(&anvil.url, l2_port, &deployment)?;
    let node_config = configs::write_node(folder, &l1_section, ports, &network.l2_rpc)?;
    if fresh && sequencer.is_some() {
        progress.step("waiting for the first deposits on L2");
        wait_for_funds(&network).await?;
    }
    let node = if args.node {
        progress.step("starting the full node");
        Some(run_full_node(node_config, shutdown.child_token()).await?)
    } else {
        None
    };
    let verifier = l1::verifier(&l1, network.contracts.rollup).await?;
    progress.finish();
    Ok(Devnet {
        anvil,
        sequencer,
        node,
        network,
        verifier,
    })
}

async fn deploy(args: &DevnetArgs, folder: &Path, l1: &DynProvider, file: &Path) -> Result<Deployment> {
    let spec = ChainSpec {
        gas_limit: args.gas_limit,
        ..ChainSpec::new(args.l2_chain_id)
    };
    let genesis = genesis::with_system_contracts(spec, genesis::now()?, l1::fees()?);
    let block = genesis.build().wrap_err("building the genesis block")?;
    cwe_sequencer::genesis::write(&folder.join(genesis::GENESIS_FILE), &genesis)?;
    let contracts = l1::deploy(l1, genesis::for_rollup(&genesis, &block), args.verifier).await?;
    l1::fund(l1, &contracts).await?;
    let deployment = Deployment {
        l1_chain_id: args.l1_chain_id,
        l2_chain_id: args.l2_chain_id,
        contracts,
    };
    // Written last: a devnet interrupted before starts over.
    genesis::write(file, &deployment)?;
    Ok(deployment)
}

async fn resume(args: &DevnetArgs, l1: &DynProvider, file: &Path) -> Result<Deployment> {
    let text = fs::read_to_string(file).wrap_err_with(|| format!("reading {}", file.display()))?;
    let deployment: Deployment =
        serde_json::from_str(&text).wrap_err_with(|| format!("{} is damaged; use a new folder", file.display()))?;
    for (layer, kept, asked) in [
        ("L1", deployment.l1_chain_id, args.l1_chain_id),
        ("L2", deployment.l2_chain_id, args.l2_chain_id),
    ] {
        if kept != asked {
            bail!("this folder holds an {layer} with chain id {kept}, asked for is {asked}; use a new folder");
        }
    }
    l1::check_deployed(l1, deployment.contracts.rollup).await?;
    if args.verifier && l1::verifier(l1, deployment.contracts.rollup).await?.is_none() {
        bail!(
            "the chain in this folder was started without a verifier; use a new folder, or deploy/DeployVerifier.s.sol"
        );
    }
    Ok(deployment)
}

fn describe(l1_url: &str, l2_port: u16, deployment: &Deployment) -> Result<Network> {
    Ok(Network {
        l1_rpc: l1_url.into(),
        l1_chain_id: deployment.l1_chain_id,
        l2_rpc: format!("http://127.0.0.1:{l2_port}"),
        l2_ws: format!("ws://127.0.0.1:{l2_port}"),
        l2_chain_id: deployment.l2_chain_id,
        accounts: network::dev_accounts(l1::USER_ACCOUNTS)?,
        contracts: Contracts::new(deployment.contracts),
    })
}

async fn wait_for_funds(network: &Network) -> Result<()> {
    let l2 = network.l2(None).await?;
    let Some(last) = l1::user_accounts()?.pop() else {
        return Ok(());
    };
    let started = Instant::now();
    while sealed_balance(&l2, last).await?.is_zero() {
        if started.elapsed() > FUNDING_TIMEOUT {
            bail!(
                "the first deposits are not on L2 after {} s; run again with --log info",
                FUNDING_TIMEOUT.as_secs()
            );
        }
        tokio::time::sleep(FUNDING_POLL).await;
    }
    Ok(())
}

/// By sealed blocks: tools such as forge pin the block they work on, which the open block is not.
async fn sealed_balance(l2: &DynProvider, account: Address) -> Result<U256> {
    let latest = l2.get_block_number().await.wrap_err("reading the L2 head")?;
    l2.get_balance(account)
        .number(latest)
        .await
        .wrap_err("reading a balance on L2")
}

impl Devnet {
    /// Completes when a part has failed.
    async fn failure(&mut self) -> eyre::Report {
        let sequencer = async {
            match &mut self.sequencer {
                Some(sequencer) => sequencer.wait().await.err().unwrap_or_else(|| eyre::eyre!("it ended")),
                None => std::future::pending().await,
            }
        };
        let node = async {
            match &mut self.node {
                Some(node) => node.wait().await.err().unwrap_or_else(|| eyre::eyre!("it ended")),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.anvil.ended() => eyre::eyre!("anvil ended"),
            failure = sequencer => failure.wrap_err("the sequencer failed"),
            failure = node => failure.wrap_err("the full node failed"),
        }
    }

    /// Stops all parts, the L1 last: the others may still write to it. Tries all, reports the first failure.
    async fn stop(self) -> Result<()> {
        let mut outcome = Ok(());
        for part in [self.node, self.sequencer].into_iter().flatten() {
            let stopped = part.stop().await;
            outcome = outcome.and(stopped);
        }
        let stopped = self.anvil.stop().await;
        outcome.and(stopped)
    }
}
