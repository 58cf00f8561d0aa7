//! `cwe-hub`: the discovery hub's daemon.

use clap::Parser;
use cwe_hub::{Config, config::DEFAULTS, run};
use cwe_service::{
    DaemonArgs,
    program::{self, configure},
};
use eyre::Result;

/// Shows the registry's works, and tells which one is playing.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Cli::parse().daemon;
    match configure(&args, DEFAULTS, Config::load, |config| &config.log)? {
        Some(config) => program::run(&args, async |shutdown| run(&config, shutdown).await).await,
        None => Ok(()),
    }
}
