//! `cwe-sequencer`: the sequencer daemon.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cwe_sequencer::{
    Config, Overrides,
    config::{NODE_DEFAULTS, SEQUENCER_DEFAULTS},
    logging, run_sequencer,
};
use eyre::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Blocks are built by one thread and freed by another, in small pieces: glibc's allocator takes twice the time for it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The sequencer of the L2: takes transactions, makes blocks, posts batches to L1.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows or checks the configuration
    Config(ConfigArgs),
}

/// Flags win over the environment, that over the file, that over the defaults.
#[derive(Debug, Args)]
struct RunArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of database, journal and lock
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Genesis file
    #[arg(long, value_name = "FILE", global = true)]
    genesis: Option<PathBuf>,
    /// JSON-RPC of the L1
    #[arg(long, value_name = "URL", global = true)]
    l1_rpc_url: Option<String>,
    /// Address and port of our JSON-RPC
    #[arg(long, value_name = "ADDRESS", global = true)]
    rpc_listen: Option<String>,
    /// Set any configuration key, such as engine.block_time_ms=200; may be repeated
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// Print the commented defaults
    #[arg(long)]
    print_default: bool,
    /// With --print-default: those of a full node
    #[arg(long, requires = "print_default")]
    node: bool,
}

impl RunArgs {
    fn load(&self) -> Result<Config> {
        let mut overrides = Overrides::default();
        if let Some(path) = &self.data_dir {
            overrides.set("data_dir", path)?;
        }
        if let Some(path) = &self.genesis {
            overrides.set("genesis", path)?;
        }
        if let Some(url) = &self.l1_rpc_url {
            overrides.set("l1.rpc_url", url)?;
        }
        if let Some(address) = &self.rpc_listen {
            overrides.set("rpc.listen", address)?;
        }
        for assignment in &self.set {
            overrides.set_text(assignment)?;
        }
        Ok(Config::load(self.config.as_deref(), &overrides)?)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.command {
        Some(Command::Config(args)) => config(args, &cli.run),
        None => run(cli.run.load()?).await,
    }
}

fn config(args: &ConfigArgs, run: &RunArgs) -> Result<()> {
    let text = match (args.print_default, args.node) {
        (true, false) => SEQUENCER_DEFAULTS.to_string(),
        (true, true) => NODE_DEFAULTS.to_string(),
        // The configuration in force; secrets are hidden.
        (false, _) => toml::to_string(&run.load()?).wrap_err("the configuration can't be printed")?,
    };
    print!("{text}");
    Ok(())
}

async fn run(config: Config) -> Result<()> {
    logging::init(&config.log)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let mut sequencer = tokio::select! {
        started = run_sequencer(config, shutdown.clone()) => started?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let outcome = sequencer.wait().await;
    let stopped = sequencer.stop().await;
    outcome.and(stopped)
}

fn cancel_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).wrap_err("SIGTERM can't be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("SIGINT can't be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stops"),
            _ = interrupt.recv() => info!("SIGINT: stops"),
        }
        shutdown.cancel();
    })
}
