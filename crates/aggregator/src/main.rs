//! `cwe-aggregator`: the aggregation coordinator's daemon.

use clap::Parser;
use cwe_aggregator::{Config, config::DEFAULTS, run};
use cwe_service::{
    DaemonArgs,
    program::{self, configure},
};
use eyre::Result;

/// Takes listeners' reveals, gives receipts, has aggregates proven and posts them.
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
