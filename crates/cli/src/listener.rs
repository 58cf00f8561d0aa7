//! `cwe listener`: a listener's anonymous identity and its subscriptions on the L2.

mod identity;
mod status;
mod subscribe;

use std::path::{Path, PathBuf};

use alloy::primitives::U256;
use cwe_usage::Secret;
use eyre::{Result, bail};

use crate::economy::ids;

/// Make an identity, subscribe it or somebody else's, see what it is subscribed to
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ListenerArgs {
    #[command(subcommand)]
    command: ListenerCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ListenerCommand {
    Identity(identity::IdentityArgs),
    Subscribe(subscribe::SubscribeArgs),
    Status(status::StatusArgs),
}

/// Who is meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Subscriber {
    /// Identity file, as `cwe listener identity` makes it
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Identity commitment instead, of somebody else: to give a subscription, or to look at one
    #[arg(long, value_name = "HEX", value_parser = ids::commitment)]
    commitment: Option<U256>,
}

impl Subscriber {
    /// The identity commitment.
    ///
    /// # Errors
    /// The file is no identity, or the commitment is no field element.
    fn commitment(&self) -> Result<U256> {
        match (&self.identity, self.commitment) {
            (Some(path), _) => identity::read_commitment(path),
            (None, Some(commitment)) if identity::is_commitment(commitment) => Ok(commitment),
            (None, Some(commitment)) => {
                bail!("{commitment:#x} is no identity commitment: it is not zero and below the BN254 scalar modulus")
            }
            (None, None) => bail!("whose subscription? give --identity or --commitment"),
        }
    }
}

/// Secret of the identity in a file, for a wallet to keep.
///
/// # Errors
/// The file can't be read, or is no identity. The secret is in no message.
pub(crate) fn read_secret(path: &Path) -> Result<Secret> {
    identity::read_secret(path)
}

/// Runs `cwe listener`.
pub(crate) async fn run(args: &ListenerArgs) -> Result<()> {
    match &args.command {
        ListenerCommand::Identity(args) => identity::run(args),
        ListenerCommand::Subscribe(args) => subscribe::run(args).await,
        ListenerCommand::Status(args) => status::run(args).await,
    }
}
