//! `cwe-prover`: the prover daemon.

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, sync::Arc};

use clap::{Args, Parser, Subcommand};
use cwe_jobs::Queue;
use cwe_prover_daemon::{
    Bars, Config, LogLines, Observer,
    config::DEFAULTS,
    guard::{self, GuardArgs},
    kind, run_prover, summaries,
};
use cwe_sequencer::{Overrides, config::LogFormat, logging};
use eyre::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// The prover of the L2: proves committed batches, posts the proofs to L1.
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
    Config {
        /// Print the commented defaults
        #[arg(long)]
        print_default: bool,
    },
    /// Shows the jobs of the queue, one JSON object a line
    Jobs,
    /// Puts a failed job back into the queue
    Retry {
        /// Its number
        job: i64,
    },
    /// Removes a job that nobody works on; it is planned again if L1 wants it
    Remove {
        /// Its number
        job: i64,
    },
    /// Becomes a stage that dies with this program
    #[command(name = guard::GUARD, hide = true)]
    Guard {
        parent: u32,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Flags win over the environment, that over the file, that over the defaults.
#[derive(Debug, Args)]
struct RunArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of queue, keys, work files and lock
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// JSON-RPC of the node that gives proof inputs
    #[arg(long, value_name = "URL", global = true)]
    node_url: Option<String>,
    /// JSON-RPC of the L1
    #[arg(long, value_name = "URL", global = true)]
    l1_rpc_url: Option<String>,
    /// The program that runs stages
    #[arg(long, value_name = "FILE", global = true)]
    stage_program: Option<PathBuf>,
    /// Smaller segments, for a machine with 24 GiB
    #[arg(long, global = true)]
    low_memory: bool,
    /// Set any configuration key, such as finalize_every.batches=4; may be repeated
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
}

impl RunArgs {
    fn load(&self) -> Result<Config> {
        let mut overrides = Overrides::default();
        if let Some(path) = &self.data_dir {
            overrides.set("data_dir", path)?;
        }
        if let Some(url) = &self.node_url {
            overrides.set("node_url", url)?;
        }
        if let Some(url) = &self.l1_rpc_url {
            overrides.set("l1.rpc_url", url)?;
        }
        if let Some(path) = &self.stage_program {
            overrides.set("stages.program", path)?;
        }
        if self.low_memory {
            overrides.set("stages.profile", "low-memory")?;
        }
        for assignment in &self.set {
            overrides.set_text(assignment)?;
        }
        Ok(Config::load(self.config.as_deref(), &overrides)?)
    }

    async fn queue(&self) -> Result<(Queue, Config)> {
        let config = self.load()?;
        let queue = Queue::open(&config.queue_address())
            .await
            .wrap_err("the queue can't be opened")?;
        Ok((queue, config))
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Guard { parent, program, args }) = cli.command {
        // Before any thread: it becomes another program.
        let guard = GuardArgs { parent, program, args };
        return Err(guard::become_guarded(&guard)).wrap_err_with(|| format!("starting {}", guard.program.display()));
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("starting the runtime")?
        .block_on(command(cli))
}

async fn command(cli: Cli) -> Result<()> {
    match cli.command {
        None | Some(Command::Guard { .. }) => run(cli.run.load()?).await,
        Some(Command::Config { print_default: true }) => {
            print!("{DEFAULTS}");
            Ok(())
        }
        Some(Command::Config { print_default: false }) => {
            // The configuration in force; secrets are hidden.
            let text = toml::to_string(&cli.run.load()?).wrap_err("the configuration can't be printed")?;
            print!("{text}");
            Ok(())
        }
        Some(Command::Jobs) => {
            let (queue, config) = cli.run.queue().await?;
            let kind = kind(config.l1.chain_id, config.l1.rollup, config.workers.stop_after);
            for job in summaries(&queue, &kind).await? {
                println!("{}", serde_json::to_string(&job)?);
            }
            Ok(())
        }
        Some(Command::Retry { job }) => Ok(cli.run.queue().await?.0.retry(job).await?),
        Some(Command::Remove { job }) => Ok(cli.run.queue().await?.0.remove(job).await?),
    }
}

async fn run(config: Config) -> Result<()> {
    let observer: Arc<dyn Observer> = if std::io::stderr().is_terminal() && config.log.format == LogFormat::Pretty {
        let bars = Bars::default();
        logging::init_to(&config.log, bars.clone())?;
        Arc::new(bars)
    } else {
        logging::init(&config.log)?;
        Arc::new(LogLines::default())
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let mut prover = run_prover(config, Some(guard::own_program()), observer, shutdown).await?;
    let outcome = prover.wait().await;
    prover.stop().await;
    outcome
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
