//! `cwe epoch verify`: everything about a settled epoch that is public, computed again.

use cwe_bindings::economy::contracts::CWEPayouts;
use eyre::{Result, bail};
use serde::Serialize;

use super::{
    chain::{EpochEvents, EpochRecord, Holdings},
    checks::{self, Check, Evidence},
    published,
};
use crate::{
    economy::{EconomyArgs, snapshot::Snapshot},
    progress::Progress,
    table,
};

/// Check a settled epoch: its inputs, states, conservation, payout list and withdrawals, from events and state
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The epoch
    #[arg(value_name = "EPOCH", value_parser = clap::value_parser!(u64).range(1..))]
    epoch: u64,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    epoch: u64,
    /// Sealed block that everything was read in.
    block: u64,
    /// Whether every check passed.
    ok: bool,
    checks: Vec<Check>,
}

/// Runs `cwe epoch verify`; fails when a check fails.
pub(crate) async fn run(args: &VerifyArgs) -> Result<()> {
    let economy = args.economy.connect(None).await?;
    let snapshot = Snapshot::new(&economy).await?;
    let mut progress = Progress::new();
    progress.step(format!("reading epoch {} in block {}", args.epoch, snapshot.block));
    let record = EpochRecord::read(&snapshot, args.epoch).await?;
    record.require_settled()?;
    let holdings = Holdings::read(&snapshot).await?;
    let payouts = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
    let value = payouts.settlementValue(args.epoch, record.basis.clone(), record.settlement.clone());
    let public_value = snapshot.read("reading the public value", value).await?;
    progress.step("reading its events");
    let events = EpochEvents::read(&snapshot, &record).await?;
    progress.step("reading its payout list");
    let list = published::read(&snapshot, args.epoch, record.windows.settleableAt, &record.settlement).await;
    progress.finish();
    let checks = checks::all(&Evidence {
        record: &record,
        events: &events,
        list: list.as_ref().map_err(|error| format!("{error:#}")),
        public_value,
        holdings: &holdings,
    });
    let report = Report {
        epoch: args.epoch,
        block: snapshot.block,
        ok: checks.iter().all(|check| check.ok),
        checks,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    if !report.ok {
        bail!("epoch {} is not what it claims to be", args.epoch);
    }
    Ok(())
}

fn print(report: &Report) {
    println!("epoch {}, as it was in block {}", report.epoch, report.block);
    let mut rows = table::new(["", "", ""]);
    for check in &report.checks {
        let mark = if check.ok { "✓" } else { "✗" };
        rows.add_row([mark, check.check, &check.detail]);
    }
    println!("{rows}");
}
