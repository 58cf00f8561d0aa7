//! Measurements of the rollup: `make bench` runs them.
//!
//! In: the release build of `cwe` (and the sequencer beside it), the contracts that forge compiled. Out: a table on the
//! screen and, under `--out`, one JSON file of flat figures per benchmark. Nothing here is part of the product.

mod artifact;
mod cpu;
mod crash;
mod endpoint;
mod execution;
mod latency;
mod load;
mod program;
mod report;
mod throughput;
mod token;
mod trie;
mod workload;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use eyre::Result;

/// The sequencer's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measure the rollup
#[derive(Debug, Parser)]
struct Cli {
    /// Folder that the figures are written to
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
    /// The `cwe` to measure; the sequencer daemon is taken from the same folder
    #[arg(long, value_name = "FILE", default_value = "target/release/cwe")]
    cwe: PathBuf,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Confirmation latency and ERC-20 transfers per second through JSON-RPC, against anvil
    Rpc(throughput::Args),
    /// Mgas/s with state root and commit against raw revm; bytes and gas on L1
    Execution(execution::Args),
    /// kill -9 under load
    Crash(crash::Args),
    /// Cost of a changed slot against the number of accounts
    Trie(trie::Args),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    std::fs::create_dir_all(&cli.out)?;
    match cli.benchmark {
        Benchmark::Rpc(args) => block_on(throughput::run(&args, &cli.cwe, &cli.out)),
        Benchmark::Execution(args) => execution::run(&args, &cli.cwe, &cli.out),
        Benchmark::Crash(args) => block_on(crash::run(&args, &cli.cwe, &cli.out)),
        Benchmark::Trie(args) => trie::run(&args, &cli.out),
    }
}

/// Runs a future on a runtime of two threads: the load comes from as many as the machine of the design has.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(future)
}
