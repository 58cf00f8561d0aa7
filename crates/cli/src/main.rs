//! `cwe`: the command for people who run, use or check the rollup.
//!
//! In: flags, a network description, keys from files or the environment. Out: results on standard output (tables, or
//! one line of JSON with `--json`), progress and logs on standard error, an exit code for scripts. Protocol rules live
//! in the libraries; this program calls them.

mod amount;
mod audit;
mod claim;
mod creator;
mod demo;
mod deposit;
mod devnet;
mod economy;
mod epoch;
mod fingerprint;
mod genesis;
mod hub;
mod identify;
mod keys;
mod l2;
mod listener;
mod media;
mod network;
mod node;
mod play;
mod progress;
mod prove;
mod status;
mod table;
mod wallet;
mod withdraw;
mod work;

use clap::{Parser, Subcommand};
use eyre::{Result, WrapErr};

/// The full node builds blocks on one thread and frees them on another, in small pieces: glibc's allocator takes twice the time for it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The Clean Web Economy rollup: run it, use it, check it
#[derive(Debug, Parser)]
#[command(name = "cwe", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Devnet(devnet::DevnetArgs),
    Node(node::NodeArgs),
    Genesis(genesis::GenesisArgs),
    Deposit(deposit::DepositArgs),
    Withdraw(withdraw::WithdrawArgs),
    Claim(claim::ClaimArgs),
    Status(status::StatusArgs),
    Audit(audit::AuditArgs),
    Prove(Box<prove::ProveArgs>),
    Creator(creator::CreatorArgs),
    Work(work::WorkArgs),
    Fingerprint(fingerprint::FingerprintArgs),
    Identify(identify::IdentifyArgs),
    Play(Box<play::PlayArgs>),
    Listener(listener::ListenerArgs),
    Wallet(Box<wallet::WalletArgs>),
    Epoch(epoch::EpochArgs),
    #[command(name = cwe_prover_daemon::guard::GUARD, hide = true)]
    Guard(prove::GuardCommand),
}

fn main() -> Result<()> {
    let command = Cli::parse().command;
    if let Command::Guard(guard) = command {
        // Before any thread: it becomes another program.
        return guard.run();
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("starting the runtime")?
        .block_on(run(command))
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Devnet(args) => devnet::run(&args).await,
        Command::Node(args) => node::run(&args).await,
        Command::Genesis(args) => genesis::run(&args),
        Command::Deposit(args) => deposit::run(&args).await,
        Command::Withdraw(args) => withdraw::run(&args).await,
        Command::Claim(args) => claim::run(&args).await,
        Command::Status(args) => status::run(&args).await,
        Command::Audit(args) => audit::run(&args).await,
        Command::Prove(args) => prove::run(&args).await,
        Command::Creator(args) => creator::run(&args).await,
        Command::Work(args) => work::run(&args).await,
        Command::Fingerprint(args) => fingerprint::run(&args),
        Command::Identify(args) => identify::run(&args).await,
        Command::Play(args) => play::run(&args).await,
        Command::Listener(args) => listener::run(&args).await,
        Command::Wallet(args) => wallet::run(&args).await,
        Command::Epoch(args) => epoch::run(&args).await,
        Command::Guard(guard) => guard.run(),
    }
}
