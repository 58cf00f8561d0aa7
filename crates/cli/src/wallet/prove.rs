//! `cwe wallet prove` and `discard`: the statement is frozen and proven; as long as nothing was sent it can be given up.

use cwe_wallet::driver;
use eyre::Result;

use super::{chain, file::WalletFileArgs, prover, status::EpochLine};
use crate::{economy::EconomyArgs, progress::Progress};

/// Freeze the statement of an epoch that is over, and prove it
#[derive(Debug, clap::Args)]
pub(super) struct ProveArgs {
    /// Which epoch; default: the last one that is over
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    prover: prover::ProverArgs,
    #[command(flatten)]
    file: WalletFileArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// Give up the frozen statement of an epoch, as long as nothing of it was sent
#[derive(Debug, clap::Args)]
pub(super) struct DiscardArgs {
    /// Which epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Runs `cwe wallet prove`.
pub(super) async fn run(args: &ProveArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let economy = args.economy.connect(None).await?;
    let chain = chain::connect(&economy, &mut wallet).await?;
    let epoch = chain::ended_epoch(&economy, args.epoch).await?;
    args.prover.check(&chain).await?;
    let mut steps = Progress::new();
    steps.step("reading the proving keys");
    let prover = args.prover.load()?;
    steps.step(format!("proving epoch {epoch}"));
    let mut show = |thousandths: u32| steps.detail(&format!("{} %", thousandths / 10));
    driver::prove(&mut wallet, &chain, &prover, epoch, &mut show).await?;
    steps.finish();
    EpochLine::of(wallet.contents(), epoch).show(args.json)
}

/// Runs `cwe wallet discard`.
pub(super) fn discard(args: &DiscardArgs) -> Result<()> {
    args.file.open()?.discard_epoch(args.epoch)?;
    println!("the statement of epoch {} can be changed and proven again", args.epoch);
    Ok(())
}
