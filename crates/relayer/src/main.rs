//! `cwe-relayer`: the relayer daemon.

use clap::Parser;
use cwe_relayer::{Config, config::DEFAULTS, run};
use cwe_service::{
    DaemonArgs,
    program::{self, configure},
};
use eyre::Result;

/// Sends listeners' Split proofs to the L2 and pays for the transactions.
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
