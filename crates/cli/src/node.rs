//! `cwe node`: a full node, which derives every block from L1 and serves the same RPC as the sequencer.

use std::{io, path::PathBuf};

use cwe_sequencer::{NodeConfig, Overrides, run_full_node};
use eyre::{Result, WrapErr};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Run a full node: rebuild the L2 from L1 and serve its JSON-RPC
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// Configuration file; every key with its default is in sequencer/config/node.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one configuration key, such as l1.rpc_url=http://127.0.0.1:8545; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print one line of JSON when ready
    #[arg(long)]
    json: bool,
}

/// Runs the command until it is interrupted or fails.
pub(crate) async fn run(args: &NodeArgs) -> Result<()> {
    let mut overrides = Overrides::default();
    for assignment in &args.set {
        overrides.set_text(assignment)?;
    }
    let config = NodeConfig::load(args.config.as_deref(), &overrides)?;
    cwe_sequencer::logging::init(&config.log)?;
    let shutdown = cancelled_by_signals()?;
    let mut node = tokio::select! {
        started = run_full_node(config, shutdown.child_token()) => started?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let url = format!("http://{}", node.rpc_addr);
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "rpc": url, "ops": format!("http://{}", node.ops_addr) })
        );
    } else {
        println!("full node: {url}");
    }
    let outcome = node.wait().await;
    let stopped = node.stop().await;
    outcome.and(stopped)
}

/// A token that Ctrl-C or SIGTERM cancels.
pub(crate) fn cancelled_by_signals() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).wrap_err("listening for SIGTERM")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}

/// Sends the log lines that `filter` lets through to standard error.
pub(crate) fn init_logs(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).wrap_err_with(|| format!("`{filter}` is no log filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .try_init()
        .map_err(|error| eyre::eyre!(error))
}
