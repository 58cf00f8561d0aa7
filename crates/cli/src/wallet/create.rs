//! `cwe wallet create` and `restore`: a new identity with its phrase, or the one of a phrase or an identity file.

use std::path::PathBuf;

use cwe_usage::Secret;
use cwe_wallet::{
    SystemEntropy,
    identity::{Phrase, secret_from_phrase},
};
use eyre::{Result, WrapErr, bail};
use zeroize::Zeroizing;

use super::file::{self, OpenWallet, WalletFileArgs};
use crate::{economy::private_file, listener};

/// Make a wallet with a new identity
#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// Write the phrase that restores the identity to this new file, which only you can read, instead of showing it
    #[arg(long, value_name = "FILE", required_if_eq("json", "true"))]
    phrase_out: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Make a wallet with an identity that exists; what was listened to is not in a phrase
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// File that holds the phrase (otherwise it is asked for)
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    phrase_file: Option<PathBuf>,
    /// Identity file instead, as `cwe listener identity` makes it
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Runs `cwe wallet create`.
pub(super) fn create(args: &CreateArgs) -> Result<()> {
    let phrase = Phrase::random(&mut SystemEntropy)?;
    if let Some(path) = &args.phrase_out {
        // Before the wallet: an identity without its phrase could be lost, a phrase without a wallet is nothing lost.
        let text = Zeroizing::new(format!("{}\n", phrase.expose()));
        private_file::create(path, text.as_bytes())?;
    }
    let wallet = args.file.create(secret_from_phrase(&phrase)?)?;
    if args.phrase_out.is_none() {
        println!("Write these words down. They restore the identity, and whoever has them can use it up:\n");
        println!("  {}\n", phrase.expose());
    }
    show(&args.file, &wallet, args.json)
}

/// Runs `cwe wallet restore`.
pub(super) fn restore(args: &RestoreArgs) -> Result<()> {
    let wallet = args.file.create(secret(args)?)?;
    show(&args.file, &wallet, args.json)
}

fn secret(args: &RestoreArgs) -> Result<Secret> {
    if let Some(path) = &args.identity {
        return listener::read_secret(path);
    }
    let text = match &args.phrase_file {
        Some(path) => file::read_line_of(path)?,
        None => file::ask("Phrase: ")?,
    };
    let Ok(text) = std::str::from_utf8(&text) else {
        bail!("the phrase is no text");
    };
    let phrase = Phrase::parse(text)?;
    secret_from_phrase(&phrase).wrap_err("deriving the identity")
}

fn show(file: &WalletFileArgs, wallet: &OpenWallet, json: bool) -> Result<()> {
    let commitment = wallet.contents().identity_commitment();
    let path = file.path()?;
    if json {
        println!(
            "{}",
            serde_json::json!({ "identity_commitment": commitment, "wallet": path })
        );
    } else {
        println!("wallet               {}", path.display());
        println!("identity commitment  {commitment}");
        println!("next                 cwe listener subscribe --tier light --commitment {commitment}");
    }
    Ok(())
}
