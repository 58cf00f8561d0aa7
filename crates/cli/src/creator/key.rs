//! `cwe creator key`: the long-term key that a creator is.

use std::path::PathBuf;

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use eyre::Result;
use serde::Serialize;

use super::creator_id;
use crate::{economy::private_file, keys::KeyArgs};

/// Make a creator key, or show whose key one is
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct KeyCommandArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    New(NewArgs),
    Show(ShowArgs),
}

/// Make a key and write it to a new file that only you can read
#[derive(Debug, clap::Args)]
struct NewArgs {
    /// File to write; an existing one is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Show address and creator id of a key, never the key
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

/// What the world may know of a key.
#[derive(Debug, Serialize)]
struct PublicPart {
    address: Address,
    creator_id: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

/// Runs `cwe creator key`.
pub(crate) fn run(args: &KeyCommandArgs) -> Result<()> {
    match &args.command {
        KeyCommand::New(args) => {
            let signer = PrivateKeySigner::random();
            private_file::create(&args.out, format!("{}\n", signer.to_bytes()).as_bytes())?;
            report(&signer, Some(args.out.clone()), args.json)
        }
        KeyCommand::Show(args) => report(&args.keys.signer()?, None, args.json),
    }
}

fn report(signer: &PrivateKeySigner, file: Option<PathBuf>, json: bool) -> Result<()> {
    let public = PublicPart {
        address: signer.address(),
        creator_id: creator_id(signer),
        file,
    };
    if json {
        println!("{}", serde_json::to_string(&public)?);
        return Ok(());
    }
    println!("creator id  {}", public.creator_id);
    println!("address     {}", public.address);
    if let Some(file) = &public.file {
        println!(
            "key file    {} (keep a copy: who loses it loses the creator)",
            file.display()
        );
        println!("next        cwe creator register --key-file {}", file.display());
    }
    Ok(())
}
