//! Writes the input of a batch of token transfers, for `make bench-prove`.

use std::{fs, path::PathBuf};

use clap::Parser;
use cwe_prover_testkit::{Chain, Location, Senders, erc20_blocks};
use eyre::{OptionExt, Result, WrapErr};

/// Accounts that exist besides the senders; a state of this size makes tries four levels deep.
const HOLDERS: u64 = 10_000;

/// Writes the input of a batch of token transfers.
#[derive(Debug, Parser)]
struct Arguments {
    /// Transfers in the batch.
    #[arg(long, default_value_t = 10)]
    transactions: usize,
    /// The file.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let senders = Senders::new(1_000).ok_or_eyre("no keys")?;
    let mut chain = Chain::new(1337, &senders, HOLDERS)?;
    let blocks = erc20_blocks(&chain, &senders, arguments.transactions);
    let input = chain.seal(vec![blocks], Location::Blobs)?.input.encode();
    fs::write(&arguments.output, input).wrap_err_with(|| arguments.output.display().to_string())
}
