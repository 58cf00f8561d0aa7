//! `cwe work`: from a file to a published work, and back.

mod open;
mod prepare;
mod publish;

use eyre::Result;

/// Publish works from files, open published packages
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct WorkArgs {
    #[command(subcommand)]
    command: WorkCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WorkCommand {
    Publish(Box<publish::PublishArgs>),
    Open(open::OpenArgs),
}

/// Runs `cwe work`.
pub(crate) async fn run(args: &WorkArgs) -> Result<()> {
    match &args.command {
        WorkCommand::Publish(args) => publish::run(args).await,
        WorkCommand::Open(args) => open::run(args),
    }
}
