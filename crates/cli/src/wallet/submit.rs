//! `cwe wallet submit`: the Split proof goes to the chain, by one's own transaction or through a relayer.

use cwe_wallet::driver;
use eyre::Result;

use super::{
    chain,
    file::WalletFileArgs,
    outlets::{DirectOutlet, RelayerOutlet, Url},
    status::EpochLine,
};
use crate::{economy::EconomyArgs, keys::KeyArgs};

/// Submit the proof of an epoch; what the chain has already is not sent again
#[derive(Debug, clap::Args)]
pub(super) struct SubmitArgs {
    /// Which epoch; default: the last one that is over
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Have this relayer send it. Otherwise the account of --key-file pays for the transaction and is seen with it on
    /// chain: take one that nobody knows to be yours
    #[arg(long, value_name = "URL")]
    relayer: Option<Url>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    file: WalletFileArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// Runs `cwe wallet submit`.
pub(super) async fn run(args: &SubmitArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let signer = match &args.relayer {
        Some(_) => None,
        None => Some(args.keys.signer()?),
    };
    let economy = args.economy.connect(signer).await?;
    let chain = chain::connect(&economy, &mut wallet).await?;
    let epoch = chain::ended_epoch(&economy, args.epoch).await?;
    let sent = match &args.relayer {
        Some(url) => driver::submit(&mut wallet, &chain, &RelayerOutlet::new(url)?, epoch).await?,
        None => driver::submit(&mut wallet, &chain, &DirectOutlet::new(&economy), epoch).await?,
    };
    let mut line = EpochLine::of(wallet.contents(), epoch);
    line.transaction = sent.and_then(|sent| sent.transaction);
    line.show(args.json)
}
