//! `cwe epoch`: what an epoch took in, who is paid what, and whether everything about it that is public is right.

mod chain;
mod checks;
mod payouts;
pub(crate) mod published;
mod report;
mod states;
mod status;
mod time;
mod verify;

use eyre::Result;

/// See an epoch's windows, money and payouts; check it; make a report of it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct EpochArgs {
    #[command(subcommand)]
    command: EpochCommand,
}

#[derive(Debug, clap::Subcommand)]
enum EpochCommand {
    Status(status::StatusArgs),
    Payouts(payouts::PayoutsArgs),
    Verify(verify::VerifyArgs),
    Report(report::ReportArgs),
}

/// Runs `cwe epoch`.
pub(crate) async fn run(args: &EpochArgs) -> Result<()> {
    match &args.command {
        EpochCommand::Status(args) => status::run(args).await,
        EpochCommand::Payouts(args) => payouts::run(args).await,
        EpochCommand::Verify(args) => verify::run(args).await,
        EpochCommand::Report(args) => report::run(args).await,
    }
}
