//! `cwe wallet statement`: what will be reported of an epoch, work by work, and how to change it.

use cwe_wallet::{
    driver,
    ids::WorkId,
    ledger::Ruling,
    statement::{LeftOut, Reason, Row, Statement},
};
use eyre::{Result, bail};

use super::{chain, file::WalletFileArgs};
use crate::{
    economy::{EconomyArgs, ids},
    table,
};

/// Show what will be reported of an epoch, and correct it before it is proven
#[derive(Debug, clap::Args)]
pub(super) struct StatementArgs {
    /// Which epoch; default: the running one
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Don't report this work; may be repeated
    #[arg(long, value_name = "WORK")]
    exclude: Vec<WorkId>,
    /// Report this work as it was recorded, whatever was said before; may be repeated
    #[arg(long, value_name = "WORK")]
    include: Vec<WorkId>,
    /// Report this work with other numbers: WORK=SECONDS or WORK=SECONDS/PLAYS; may be repeated
    #[arg(long, value_name = "WORK=SECONDS/PLAYS", value_parser = setting)]
    set: Vec<(WorkId, Ruling)>,
    /// Print the statement as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: WalletFileArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// Runs `cwe wallet statement`.
pub(super) async fn run(args: &StatementArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let economy = args.economy.connect(None).await?;
    let chain = chain::connect(&economy, &mut wallet).await?;
    let epoch = match args.epoch {
        Some(epoch) => epoch,
        None => economy.current_epoch().await?,
    };
    let corrections = args.corrections();
    if let Some(record) = wallet.contents().epoch(epoch)
        && !corrections.is_empty()
    {
        bail!(
            "the statement of epoch {epoch} is frozen ({}); `cwe wallet discard --epoch {epoch}` gives it up as long as \
             nothing was sent",
            record.stage.name()
        );
    }
    for (work, ruling) in corrections {
        wallet.correct(epoch, work, ruling)?;
    }
    let statement = driver::preview(wallet.contents(), &chain, epoch).await?;
    if args.json {
        println!("{}", serde_json::to_string(&statement)?);
    } else {
        print(&statement);
    }
    Ok(())
}

impl StatementArgs {
    fn corrections(&self) -> Vec<(WorkId, Ruling)> {
        let excluded = self.exclude.iter().map(|work| (*work, Ruling::Excluded));
        let included = self.include.iter().map(|work| (*work, Ruling::AsRecorded));
        excluded.chain(included).chain(self.set.iter().copied()).collect()
    }
}

/// For clap.
fn setting(text: &str) -> Result<(WorkId, Ruling), String> {
    let wrong = || format!("`{text}` is not of the form WORK=SECONDS/PLAYS");
    let (work, numbers) = text.split_once('=').ok_or_else(wrong)?;
    let (seconds, plays) = numbers.split_once('/').unwrap_or((numbers, "1"));
    let ruling = Ruling::Set {
        seconds: seconds.parse().map_err(|_| wrong())?,
        plays: plays.parse().map_err(|_| wrong())?,
    };
    Ok((work.parse().map_err(|error| format!("{error}"))?, ruling))
}

fn print(statement: &Statement) {
    println!(
        "epoch {}, tier {}: {} of {} s are reported",
        statement.epoch,
        ids::name_of(statement.tier),
        statement.reported_secs,
        statement.allowance_secs
    );
    if statement.counted_secs > statement.allowance_secs {
        println!(
            "{} s were listened to, more than the tier allows: all works are scaled down, shares stay what they are",
            statement.counted_secs
        );
    }
    if statement.rows.is_empty() {
        println!("nothing is reported");
    } else {
        println!("{}", reported(&statement.rows));
    }
    if !statement.left_out.is_empty() {
        println!("not reported:\n{}", not_reported(&statement.left_out));
    }
}

fn reported(rows: &[Row]) -> comfy_table::Table {
    let mut shown = table::new([
        "work",
        "recorded",
        "reported",
        "plays",
        "price/min",
        "region",
        "share",
        "units",
    ]);
    for row in rows {
        shown.add_row([
            row.work.to_string(),
            format!("{} s", row.recorded_secs),
            format!("{} s", row.seconds),
            row.plays.to_string(),
            format!("{} µCLN", row.price),
            format!("{} ppm", row.region_ppm),
            format!("{}.{:02} %", row.share_ppm / 10_000, row.share_ppm / 100 % 100),
            // Before the epoch's key is fixed nobody knows which way shares are rounded.
            row.units.map_or_else(|| "later".into(), |units| units.to_string()),
        ]);
    }
    shown
}

fn not_reported(rows: &[LeftOut]) -> comfy_table::Table {
    let mut shown = table::new(["work", "recorded", "because"]);
    for row in rows {
        let reason = match row.reason {
            Reason::Excluded => "you excluded it",
            Reason::NoTime => "you set it to nothing",
            Reason::NotRegistered => "it is not in the registry in this epoch",
            Reason::FreeOfCharge => "it costs nothing",
            Reason::BeyondSlots => "there are more works than a proof takes, and the others weigh more",
        };
        shown.add_row([row.work.to_string(), format!("{} s", row.recorded_secs), reason.into()]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_and_without_plays() {
        let work = format!("0x{}07", "00".repeat(31));
        let set = |seconds, plays| Ruling::Set { seconds, plays };
        assert_eq!(setting(&format!("{work}=60")).unwrap().1, set(60, 1));
        assert_eq!(setting(&format!("{work}=60/3")).unwrap().1, set(60, 3));
        for bad in ["", "60", &work, &format!("{work}="), &format!("{work}=a/b"), "0x12=60"] {
            assert!(setting(bad).is_err(), "{bad}");
        }
    }
}
