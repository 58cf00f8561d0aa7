//! `cwe-aggregator`: the aggregation coordinator's daemon.

use std::path::PathBuf;

use clap::Parser;
use cwe_aggregator::{Config, config::DEFAULTS, run};
use cwe_sequencer::{Overrides, logging};
use eyre::{Result, WrapErr};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Takes listeners' reveals, gives receipts, has aggregates proven and posts them.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set any configuration key, such as aggregates.max_reveals=256; may be repeated
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
    let coordinator = run(&config, shutdown).await?;
    if cli.json {
        let url = format!("http://{}", coordinator.address);
        println!(
            "{}",
            serde_json::json!({ "url": url, "ops": format!("http://{}", coordinator.ops.address) })
        );
    }
    coordinator.wait().await
}

fn cancel_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).wrap_err("SIGTERM can't be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("SIGINT can't be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stops after the requests under way"),
            _ = interrupt.recv() => info!("SIGINT: stops after the requests under way"),
        }
        shutdown.cancel();
    })
}
