//! `cwe wallet reveal`: each note goes to a coordinator at its own random time.

use std::time::Duration;

use cwe_wallet::{
    WalletError,
    chain::{ChainClient, ChainError},
    driver::{self, DriveError, Round},
    epoch::NextReveal,
    storage::StorageError,
};
use eyre::{Report, Result, bail};

use super::{
    chain,
    file::{Access, WalletFileArgs},
    outlets::{CoordinatorOutlet, Url},
    prover::{self, Prover},
    status::EpochLine,
};
use crate::economy::{Economy, EconomyArgs};

/// Longest sleep, since a sleeping machine counts none of it.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After something failed that passes by itself.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Reveal the notes of an epoch whose time has come
#[derive(Debug, clap::Args)]
pub(super) struct RevealArgs {
    /// Which epoch; default: the last one that is over
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// The aggregation coordinator
    #[arg(long, value_name = "URL")]
    coordinator: Url,
    /// Stay until all notes are revealed; in between other commands can use the wallet
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

/// What every round needs.
struct Revealing {
    access: Access,
    chain: ChainClient,
    prover: Prover,
    outlet: CoordinatorOutlet,
    epoch: u64,
    hurry: bool,
}

/// Runs `cwe wallet reveal`.
pub(super) async fn run(args: &RevealArgs) -> Result<()> {
    let access = args.file.access()?;
    let economy = args.economy.connect(None).await?;
    let epoch = chain::ended_epoch(&economy, args.epoch).await?;
    let revealing = Revealing {
        chain: begin(args, &access, &economy).await?,
        access,
        prover: args.prover.load()?,
        outlet: CoordinatorOutlet::new(&args.coordinator)?,
        epoch,
        hurry: args.all_at_once,
    };
    let (round, mut line) = if args.wait {
        revealing.until_done().await?
    } else {
        revealing.round().await?
    };
    if let NextReveal::WaitUntil(time) = round.next {
        line.next_reveal_at = Some(time);
    }
    line.show(args.json)?;
    if let NextReveal::Closed { unrevealed } = round.next {
        bail!(
            "the reveal window of epoch {epoch} is over and {unrevealed} notes were not revealed: their part of the fee \
             goes to the creators of the next epoch"
        );
    }
    match round.failed.first() {
        Some((_, error)) => bail!("{} reveals were not taken; the first: {error}", round.failed.len()),
        None => Ok(()),
    }
}

async fn begin(args: &RevealArgs, access: &Access, economy: &Economy) -> Result<ChainClient> {
    let mut wallet = access.open()?;
    if let Some(submissions) = args.crowd {
        wallet.set_crowd_threshold(submissions)?;
    }
    chain::connect(economy, &mut wallet).await
}

impl Revealing {
    /// Reveals what is due. The wallet is open no longer than that, so that others can record in between.
    async fn round(&self) -> Result<(Round, EpochLine)> {
        let mut wallet = self.access.open()?;
        let round = driver::reveal(
            &mut wallet,
            &self.chain,
            &self.prover,
            &self.outlet,
            self.epoch,
            self.hurry,
        )
        .await?;
        if round.postponed > 0 {
            eprintln!(
                "{} reveals were missed and got new times, so that they don't go out together",
                round.postponed
            );
        }
        Ok((round, EpochLine::of(wallet.contents(), self.epoch)))
    }

    /// Round after round until nothing is left to reveal.
    async fn until_done(&self) -> Result<(Round, EpochLine)> {
        loop {
            let pause = match self.round().await {
                Ok((round, line)) => {
                    let until = match round.next {
                        NextReveal::Done | NextReveal::Closed { .. } => return Ok((round, line)),
                        NextReveal::WaitUntil(time) => time,
                        NextReveal::Prove(_) | NextReveal::Send(_) => round.now_secs,
                    };
                    for (slot, error) in &round.failed {
                        eprintln!("the reveal of slot {slot} failed: {error}");
                    }
                    Duration::from_secs(until.saturating_sub(round.now_secs).max(1)).min(LONGEST_PAUSE)
                }
                Err(error) if passes(&error) => {
                    eprintln!("{error:#}; it will be tried again");
                    RETRY_PAUSE
                }
                Err(error) => return Err(error),
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether it may be otherwise in a moment: another command has the wallet, or the node is away.
fn passes(error: &Report) -> bool {
    let in_use = |error: &StorageError| matches!(error, StorageError::InUse { .. });
    let of_chain = |error: &ChainError| matches!(error, ChainError::Node { .. } | ChainError::RootMismatch { .. });
    error.downcast_ref::<StorageError>().is_some_and(in_use)
        || error.downcast_ref::<ChainError>().is_some_and(of_chain)
        || match error.downcast_ref::<DriveError>() {
            Some(DriveError::Chain(error)) => of_chain(error),
            Some(DriveError::Wallet(WalletError::Storage(error))) => in_use(error),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use eyre::WrapErr;

    use super::*;

    #[test]
    fn what_passes_by_itself_is_waited_for_and_nothing_else() {
        let in_use = || StorageError::InUse { place: "wallet".into() };
        let node = || ChainError::Node {
            doing: "reading",
            reason: "down".into(),
        };
        for passing in [
            Err::<(), _>(in_use()).wrap_err("opening").unwrap_err(),
            Report::new(node()),
            Report::new(DriveError::Chain(node())).wrap_err("revealing"),
        ] {
            assert!(passes(&passing), "{passing:#}");
        }
        for lasting in [
            Report::new(WalletError::Missing),
            Report::new(DriveError::Wallet(WalletError::OtherIdentity)),
            Report::new(ChainError::Event("no".into())),
        ] {
            assert!(!passes(&lasting), "{lasting:#}");
        }
    }
}
