//! A daemon's `main`: flags, configuration, logs, signals.

use std::path::{Path, PathBuf};

use clap::Args;
use cwe_sequencer::{ConfigError, Overrides, config::LogSection, logging};
use eyre::{Result, WrapErr};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::Running;

/// The flags of every daemon.
#[derive(Debug, Args)]
pub struct DaemonArgs {
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

/// Configures the program and its logs; `None` where only the defaults were to be printed.
///
/// # Errors
/// The configuration can't work, or logs can't be written.
pub fn configure<C>(
    args: &DaemonArgs,
    defaults: &str,
    load: impl FnOnce(Option<&Path>, &Overrides) -> Result<C, ConfigError>,
    log: impl FnOnce(&C) -> &LogSection,
) -> Result<Option<C>> {
    if args.print_default {
        print!("{defaults}");
        return Ok(None);
    }
    let mut overrides = Overrides::default();
    for assignment in &args.set {
        overrides.set_text(assignment)?;
    }
    let config = load(args.config.as_deref(), &overrides)?;
    logging::init(log(&config))?;
    Ok(Some(config))
}

/// Runs the program to its end, which SIGTERM and SIGINT bring, and says where it serves.
///
/// # Errors
/// It can't start, a part of it fails, or signals can't be caught.
pub async fn run(args: &DaemonArgs, start: impl AsyncFnOnce(CancellationToken) -> Result<Running>) -> Result<()> {
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let running = start(shutdown).await?;
    if args.json {
        let (url, ops) = (running.address, running.ops.address);
        println!(
            "{}",
            serde_json::json!({ "url": format!("http://{url}"), "ops": format!("http://{ops}") })
        );
    }
    running.wait().await
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
