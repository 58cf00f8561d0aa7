//! `cwe wallet record` and `import`: sessions by hand or from a file, beside those that `cwe play` records.

use std::{io::Read, path::PathBuf};

use cwe_wallet::{Played, Recorded, ids::WorkId};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

use super::{
    chain,
    file::{OpenWallet, WalletFileArgs},
};
use crate::economy::{EconomyArgs, now_secs};

/// Most bytes of a file of sessions.
const MAX_IMPORT_BYTES: u64 = 16 << 20;

/// How a session finds its epoch.
#[derive(Debug, clap::Args)]
pub(crate) struct When {
    /// Epoch that it counts in; default: the running one
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,
    /// Don't ask the L2 for the running epoch: reckon it from what it said last
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    pub(crate) economy: EconomyArgs,
}

/// Record that a work was listened to
#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    /// Work id
    work: WorkId,
    /// For how many seconds
    #[arg(long, value_name = "N")]
    seconds: u32,
    /// How often it was begun
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    plays: u32,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Record sessions from a file: [{"work": "0x00…", "seconds": 60, "plays": 1, "epoch": 3}, …], all or none
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// JSON file; `plays` (1; 0 goes on with a play before) and `epoch` (the running one) may be left out
    sessions: PathBuf,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// A session in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportedSession {
    work: WorkId,
    seconds: u32,
    #[serde(default = "one")]
    plays: u32,
    epoch: Option<u64>,
}

const fn one() -> u32 {
    1
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    recorded: usize,
    /// Epochs that the sessions count in.
    epochs: Vec<u64>,
    /// Sessions of epochs whose statement is frozen: kept, and not reported.
    too_late: usize,
    /// By how many seconds the device's clock is behind what it showed before.
    clock_set_back_secs: Option<u64>,
}

/// Runs `cwe wallet record`.
pub(super) async fn record(args: &RecordArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    args.when.learn(&mut wallet).await?;
    let played = Played {
        work: args.work,
        seconds: args.seconds,
        plays: args.plays,
        epoch: args.when.epoch,
    };
    let recorded = wallet.record(played, now_secs()?)?;
    show(&[recorded], args.json)
}

/// Runs `cwe wallet import`.
pub(super) async fn import(args: &ImportArgs) -> Result<()> {
    let sessions = read(args)?;
    let mut wallet = args.file.open()?;
    if sessions.iter().any(|session| session.epoch.is_none()) {
        args.when.learn(&mut wallet).await?;
    }
    let played: Vec<_> = sessions
        .iter()
        .map(|session| Played {
            work: session.work,
            seconds: session.seconds,
            plays: session.plays,
            epoch: session.epoch.or(args.when.epoch),
        })
        .collect();
    let recorded = wallet.record_all(&played, now_secs()?)?;
    show(&recorded, args.json)
}

impl When {
    /// Has the wallet learn the running epoch from the L2, unless it was named or is to be reckoned.
    ///
    /// # Errors
    /// The L2 does not answer.
    pub(crate) async fn learn(&self, wallet: &mut OpenWallet) -> Result<()> {
        if self.epoch.is_some() || self.offline {
            return Ok(());
        }
        let economy = self
            .economy
            .connect(None)
            .await
            .wrap_err("asking the L2 for the running epoch (--offline reckons it, --epoch names it)")?;
        chain::connect(&economy, wallet).await.map(drop)
    }
}

fn read(args: &ImportArgs) -> Result<Vec<ImportedSession>> {
    let name = args.sessions.display();
    let reading = || format!("{name} can't be read");
    let mut text = String::new();
    let file = std::fs::File::open(&args.sessions).wrap_err_with(reading)?;
    file.take(MAX_IMPORT_BYTES + 1)
        .read_to_string(&mut text)
        .wrap_err_with(reading)?;
    if u64::try_from(text.len())? > MAX_IMPORT_BYTES {
        bail!("{name} has more than {MAX_IMPORT_BYTES} bytes: import it in parts");
    }
    serde_json::from_str(&text).wrap_err_with(|| format!("{name} is no list of sessions"))
}

/// Says what a listener should know of recorded sessions.
pub(crate) fn warn_about(recorded: &[Recorded]) {
    if let Some(secs) = recorded.first().and_then(|session| session.clock.set_back_secs) {
        eprintln!(
            "warning: this device's clock was set back by {secs} s; the later time is taken, so that no session moves \
                   into an epoch that is over"
        );
    }
    let too_late = too_late(recorded);
    if too_late > 0 {
        eprintln!("warning: {too_late} sessions are of an epoch whose statement is frozen: kept, but not reported");
    }
}

fn too_late(recorded: &[Recorded]) -> usize {
    recorded.iter().filter(|session| session.too_late).count()
}

fn show(recorded: &[Recorded], json: bool) -> Result<()> {
    let epochs: std::collections::BTreeSet<_> = recorded.iter().map(|session| session.epoch).collect();
    let report = Report {
        recorded: recorded.len(),
        epochs: epochs.into_iter().collect(),
        too_late: too_late(recorded),
        clock_set_back_secs: recorded.first().and_then(|session| session.clock.set_back_secs),
    };
    warn_about(recorded);
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("recorded {} in epoch {}", report.recorded, list(&report.epochs));
    }
    Ok(())
}

fn list(epochs: &[u64]) -> String {
    epochs.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
