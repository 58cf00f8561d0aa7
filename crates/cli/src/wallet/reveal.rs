//! `cwe wallet reveal`: each note goes to a coordinator at its own random time.

use std::time::Duration;

use cwe_wallet::{
    chain::ChainClient,
    driver::{self, Round},
    epoch::NextReveal,
};
use eyre::{Result, bail};

use super::{
    chain,
    file::{OpenWallet, WalletFileArgs},
    outlets::{CoordinatorOutlet, Url},
    prover::{self, Prover},
    status::EpochLine,
};
use crate::economy::EconomyArgs;

/// How often the chain's time is looked at while waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reveal the notes of an epoch whose time has come
#[derive(Debug, clap::Args)]
pub(super) struct RevealArgs {
    /// Which epoch; default: the last one that is over
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// The aggregation coordinator
    #[arg(long, value_name = "URL")]
    coordinator: Url,
    /// Stay until all notes are revealed
    #[arg(long)]
    wait: bool,
    /// Reveal everything at once, which shows the coordinator that it belongs together
    #[arg(long, conflicts_with = "wait")]
    all_at_once: bool,
    /// From now on hold reveals back until the window's last day where fewer than so many submitted for the same tier
    #[arg(long, value_name = "N")]
    crowd: Option<u64>,
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

/// Runs `cwe wallet reveal`.
pub(super) async fn run(args: &RevealArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let economy = args.economy.connect(None).await?;
    let chain = chain::connect(&economy, &mut wallet).await?;
    let epoch = chain::ended_epoch(&economy, args.epoch).await?;
    if let Some(submissions) = args.crowd {
        wallet.set_crowd_threshold(submissions)?;
    }
    let prover = args.prover.load()?;
    let outlet = CoordinatorOutlet::new(&args.coordinator)?;
    let round = rounds(args, &mut wallet, &chain, &prover, &outlet, epoch).await?;
    let mut line = EpochLine::of(wallet.contents(), epoch);
    if let NextReveal::WaitUntil(time) = round.next {
        line.next_reveal_at = Some(time);
    }
    line.show(args.json)?;
    match round.failed.first() {
        Some((_, error)) => bail!("{} reveals were not taken; the first: {error}", round.failed.len()),
        None => Ok(()),
    }
}

/// One round, or as many as it takes.
async fn rounds(
    args: &RevealArgs,
    wallet: &mut OpenWallet,
    chain: &ChainClient,
    prover: &Prover,
    outlet: &CoordinatorOutlet,
    epoch: u64,
) -> Result<Round> {
    loop {
        let round = driver::reveal(wallet, chain, prover, outlet, epoch, args.all_at_once).await?;
        if round.postponed > 0 {
            eprintln!(
                "{} reveals were missed and got new times, so that they don't go out together",
                round.postponed
            );
        }
        let until = match round.next {
            NextReveal::Done | NextReveal::Closed { .. } => return Ok(round),
            _ if !args.wait => return Ok(round),
            NextReveal::WaitUntil(time) => time,
            NextReveal::Prove(_) | NextReveal::Send(_) => round.now_secs.saturating_add(1),
        };
        for (slot, error) in &round.failed {
            eprintln!("the reveal of slot {slot} failed: {error}");
        }
        let pause = Duration::from_secs(until.saturating_sub(round.now_secs).max(1));
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
    }
}
