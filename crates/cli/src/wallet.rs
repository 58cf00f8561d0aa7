//! `cwe wallet`: what was listened to, kept encrypted on this device, and its way to creators.

mod chain;
mod create;
mod file;
mod merge;
mod outlets;
mod prove;
mod prover;
mod record;
mod reveal;
mod statement;
mod status;
mod submit;

use eyre::Result;

/// Keep what you listen to, see what will be reported, prove it, submit it, reveal it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct WalletArgs {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WalletCommand {
    Create(create::CreateArgs),
    Restore(create::RestoreArgs),
    Password(file::PasswordArgs),
    Status(status::StatusArgs),
    Record(record::RecordArgs),
    Import(record::ImportArgs),
    Merge(merge::MergeArgs),
    Statement(statement::StatementArgs),
    Prove(prove::ProveArgs),
    Discard(prove::DiscardArgs),
    Submit(submit::SubmitArgs),
    Reveal(reveal::RevealArgs),
}

/// Runs `cwe wallet`.
pub(crate) async fn run(args: &WalletArgs) -> Result<()> {
    match &args.command {
        WalletCommand::Create(args) => create::create(args),
        WalletCommand::Restore(args) => create::restore(args),
        WalletCommand::Password(args) => file::change_password(args),
        WalletCommand::Status(args) => status::run(args).await,
        WalletCommand::Record(args) => record::record(args).await,
        WalletCommand::Import(args) => record::import(args).await,
        WalletCommand::Merge(args) => merge::run(args),
        WalletCommand::Statement(args) => statement::run(args).await,
        WalletCommand::Prove(args) => prove::run(args).await,
        WalletCommand::Discard(args) => prove::discard(args),
        WalletCommand::Submit(args) => submit::run(args).await,
        WalletCommand::Reveal(args) => reveal::run(args).await,
    }
}
