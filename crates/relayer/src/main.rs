//! `cwe-relayer`: the relayer daemon.

use std::path::PathBuf;

use clap::Parser;
use cwe_relayer::{Config, config::DEFAULTS, run};
use cwe_sequencer::{Overrides, logging};
use eyre::{Result, WrapErr};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Sends listeners' Split proofs to the L2 and pays for the transactions.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set any configuration key, such as limits.per_second=10; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the commented defaults and end
    #[arg(long)]
    print_default: bool,
    /// Print one line of JSON with the addresses when it serves
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    if cli.print_default {
        print!("{DEFAULTS}");
        return Ok(());
    }
    let mut overrides = Overrides::default();
    for assignment in &cli.set {
        overrides.set_text(assignment)?;
    }
    let config = Config::load(cli.config.as_deref(), &overrides)?;
    logging::init(&config.log)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let relayer = run(&config, shutdown).await?;
    if cli.json {
        let url = format!("http://{}", relayer.address);
        println!(
            "{}",
            serde_json::json!({ "url": url, "ops": format!("http://{}", relayer.ops.address) })
        );
    }
    relayer.wait().await
}

fn cancel_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).wrap_err("SIGTERM can't be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("SIGINT can't be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stops after the submissions under way"),
            _ = interrupt.recv() => info!("SIGINT: stops after the submissions under way"),
        }
        shutdown.cancel();
    })
}
