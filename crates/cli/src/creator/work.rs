//! `cwe creator work`: drafts, consents, publication, prices.

use eyre::Result;

use super::{consent, draft, publish, show, update};

/// Draft, publish, change and show works
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct WorkArgs {
    #[command(subcommand)]
    command: WorkCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WorkCommand {
    New(Box<draft::NewArgs>),
    Consent(consent::ConsentArgs),
    Publish(publish::PublishArgs),
    Update(update::UpdateArgs),
    Show(show::ShowArgs),
}

/// Runs `cwe creator work`.
pub(crate) async fn run(args: &WorkArgs) -> Result<()> {
    match &args.command {
        WorkCommand::New(args) => draft::run(args).await,
        WorkCommand::Consent(args) => consent::run(args),
        WorkCommand::Publish(args) => publish::run(args).await,
        WorkCommand::Update(args) => update::run(args).await,
        WorkCommand::Show(args) => show::run(args).await,
    }
}
