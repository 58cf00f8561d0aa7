//! `cwe wallet merge`: what the same listener's other device recorded.

use std::path::PathBuf;

use cwe_wallet::{SystemEntropy, Wallet, storage::FileStorage};
use eyre::{Result, WrapErr};

use super::file::{self, WalletFileArgs};

/// Take over what another device's wallet of the same identity recorded; again and in any order as often as you like
#[derive(Debug, clap::Args)]
pub(super) struct MergeArgs {
    /// The other device's wallet file, or a copy of it; it is not changed
    from: PathBuf,
    /// File that holds the other wallet's password (otherwise it is asked for)
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Runs `cwe wallet merge`.
pub(super) fn run(args: &MergeArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let from = args.from.display().to_string();
    let password = match &args.from_password_file {
        Some(path) => file::read_line_of(path)?,
        None => file::ask(&format!("Password of {from}: "))?,
    };
    let storage = FileStorage::open(&args.from)?;
    let other = Wallet::open(storage, SystemEntropy, &password).wrap_err_with(|| from.clone())?;
    let sessions = wallet.merge(other.contents())?;
    if args.json {
        println!("{}", serde_json::json!({ "new_sessions": sessions }));
    } else {
        println!("{sessions} sessions of {from} were new here");
    }
    Ok(())
}
