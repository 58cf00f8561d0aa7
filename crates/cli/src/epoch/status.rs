//! `cwe epoch status`: what an epoch waits for, and its money as far as it is known.

use alloy::primitives::{B256, U256};
use cwe_bindings::economy::contracts::CWEPayouts;
use eyre::Result;
use serde::Serialize;

use super::{
    chain::EpochRecord,
    time::{distance, utc},
};
use crate::{
    amount,
    economy::{EconomyArgs, ids, snapshot::Snapshot},
    table,
};

/// Show an epoch: windows, submissions, reveals, settlement, money
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The epoch; default: the oldest one that is not settled
    #[arg(value_name = "EPOCH", value_parser = clap::value_parser!(u64).range(1..))]
    epoch: Option<u64>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// Unix times in seconds, amounts in CLN wei.
#[derive(Debug, Serialize)]
struct Status {
    epoch: u64,
    /// Sealed block that everything was read in.
    block: u64,
    /// Its time.
    time: u64,
    phase: Phase,
    next_to_settle: u64,
    windows: Windows,
    tiers: Vec<Tier>,
    best_state: State,
    /// What the proven settlement divides by.
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<State>,
    proven: bool,
    settled: bool,
    money: Money,
}

/// What an epoch is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// It has not begun.
    Ahead,
    /// It is listened in.
    Listening,
    /// Submissions are taken.
    Submissions,
    /// Reveals are made.
    Reveals,
    /// What was revealed is aggregated.
    Aggregation,
    /// An epoch before it is not settled.
    WaitsForEarlier,
    /// It can be settled.
    Settlement,
    /// It is settled.
    Settled,
}

#[derive(Debug, Serialize)]
struct Windows {
    starts_at: u64,
    ends_at: u64,
    submission_ends_at: u64,
    reveal_ends_at: u64,
    settleable_at: u64,
    /// Until then a settlement by more reveals replaces one by fewer.
    grace_ends_at: u64,
    /// From then on it settles without a proof.
    unproven_at: u64,
}

#[derive(Debug, Serialize)]
struct Tier {
    tier: String,
    tier_id: B256,
    fee_wei: String,
    subscribers: u64,
    submissions: u64,
    revenue_wei: String,
    #[serde(skip)]
    fee: U256,
    #[serde(skip)]
    revenue: U256,
}

#[derive(Debug, Serialize)]
struct State {
    nullifier_root: B256,
    totals_root: B256,
    reveals: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    abandons_carried: bool,
}

/// Of an epoch that is not settled only what is known of it: of the settlement what is proven.
#[derive(Debug, Serialize)]
struct Money {
    fees_wei: String,
    carried_in_wei: String,
    unclaimed_in_wei: String,
    eco_wei: String,
    infra_wei: String,
    creators_wei: String,
    carried_wei: String,
    unclaimed_wei: String,
    claimable_wei: String,
}

/// Runs `cwe epoch status`.
pub(crate) async fn run(args: &StatusArgs) -> Result<()> {
    let economy = args.economy.connect(None).await?;
    let snapshot = Snapshot::new(&economy).await?;
    let epoch = match args.epoch {
        Some(epoch) => epoch,
        None => {
            let payouts = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
            snapshot.read("reading the next epoch", payouts.nextEpoch()).await?
        }
    };
    let record = EpochRecord::read(&snapshot, epoch).await?;
    let status = status(&record, &snapshot);
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status, &record, economy.time_secs()?);
    }
    Ok(())
}

fn status(record: &EpochRecord, snapshot: &Snapshot<'_>) -> Status {
    let windows = &record.windows;
    let (inputs, parts) = (&record.inputs, &record.settlement);
    Status {
        epoch: record.epoch,
        block: snapshot.block,
        time: snapshot.time_secs,
        phase: phase(record, snapshot.time_secs),
        next_to_settle: record.next_epoch,
        windows: Windows {
            starts_at: windows.startsAt,
            ends_at: windows.endsAt,
            submission_ends_at: windows.submissionEndsAt,
            reveal_ends_at: windows.revealEndsAt,
            settleable_at: windows.settleableAt,
            grace_ends_at: record.grace.0,
            unproven_at: record.grace.1,
        },
        tiers: record.tiers.iter().map(tier).collect(),
        best_state: State {
            nullifier_root: record.best_roots.0,
            totals_root: record.best_roots.1,
            reveals: record.best_reveals,
            abandons_carried: false,
        },
        basis: record.proven.then(|| State {
            nullifier_root: record.basis.nullifierRoot,
            totals_root: record.basis.totalsRoot,
            reveals: record.basis_reveals,
            abandons_carried: record.basis.abandonCarried,
        }),
        proven: record.proven,
        settled: record.settled,
        money: Money {
            fees_wei: record.fees().to_string(),
            carried_in_wei: inputs.carriedIn.to_string(),
            unclaimed_in_wei: inputs.unclaimedIn.to_string(),
            eco_wei: inputs.eco.to_string(),
            infra_wei: inputs.infra.to_string(),
            creators_wei: parts.creators.to_string(),
            carried_wei: parts.carried.to_string(),
            unclaimed_wei: parts.unclaimed.to_string(),
            claimable_wei: record.claimable.to_string(),
        },
    }
}

fn tier(record: &super::chain::TierRecord) -> Tier {
    Tier {
        tier: ids::name_of(record.id),
        tier_id: record.id,
        fee_wei: record.fee.to_string(),
        subscribers: record.subscribers,
        submissions: record.submissions,
        revenue_wei: record.revenue.to_string(),
        fee: record.fee,
        revenue: record.revenue,
    }
}

const fn phase(record: &EpochRecord, time_secs: u64) -> Phase {
    let windows = &record.windows;
    if record.settled {
        Phase::Settled
    } else if time_secs < windows.startsAt {
        Phase::Ahead
    } else if time_secs < windows.endsAt {
        Phase::Listening
    } else if time_secs < windows.submissionEndsAt {
        Phase::Submissions
    } else if time_secs < windows.revealEndsAt {
        Phase::Reveals
    } else if time_secs < windows.settleableAt {
        Phase::Aggregation
    } else if record.next_epoch < record.epoch {
        Phase::WaitsForEarlier
    } else {
        Phase::Settlement
    }
}

/// What happens or what must be done next, in words.
fn next_step(record: &EpochRecord, phase: Phase) -> String {
    let contested = record.basis_reveals < record.best_reveals;
    match phase {
        Phase::Ahead => "has not begun".into(),
        Phase::Listening => "is listened in".into(),
        Phase::Submissions => "takes submissions".into(),
        Phase::Reveals => "takes reveals".into(),
        Phase::Aggregation => "takes aggregates of its reveals".into(),
        Phase::WaitsForEarlier => format!("waits for the settlement of epoch {}", record.next_epoch),
        Phase::Settlement if record.proven && contested => format!(
            "is proven by {} of {} reveals; one by more may replace it until {}",
            record.basis_reveals,
            record.best_reveals,
            utc(record.grace.0)
        ),
        Phase::Settlement if record.proven => "is proven: anybody can settle it".into(),
        Phase::Settlement if record.best_reveals == 0 && record.inputs.carriedIn.is_zero() => {
            "has neither reveals nor carried money: anybody can settle it".into()
        }
        Phase::Settlement => format!(
            "waits for the proof of its settlement; without one it settles from {} on",
            utc(record.grace.1)
        ),
        Phase::Settled if record.proven => "is settled".into(),
        Phase::Settled => "is settled, without a proof".into(),
    }
}

fn print(status: &Status, record: &EpochRecord, now_secs: u64) {
    println!("epoch {} {}\n", status.epoch, next_step(record, status.phase));
    let windows = &status.windows;
    let mut rows = table::new(["", "", ""]);
    for (what, at) in [
        ("listening from", windows.starts_at),
        ("submissions from", windows.ends_at),
        ("reveals from", windows.submission_ends_at),
        ("aggregation from", windows.reveal_ends_at),
        ("settlement from", windows.settleable_at),
        ("grace until", windows.grace_ends_at),
        ("unproven from", windows.unproven_at),
    ] {
        rows.add_row([what.into(), utc(at), distance(at, now_secs)]);
    }
    println!("{rows}\n");
    let mut rows = table::new(["tier", "fee", "subscribers", "submissions", "revenue"]);
    for tier in &status.tiers {
        rows.add_row([
            tier.tier.clone(),
            amount::show(tier.fee),
            tier.subscribers.to_string(),
            tier.submissions.to_string(),
            amount::show(tier.revenue),
        ]);
    }
    println!("{rows}\n");
    print_states(status);
    let mut rows = table::new(["", ""]);
    for (what, wei) in money(record) {
        rows.add_row([what.into(), amount::show(wei)]);
    }
    println!("{rows}");
}

fn print_states(status: &Status) {
    let best = &status.best_state;
    println!("best state  {} reveals, totals {}", best.reveals, best.totals_root);
    if let Some(basis) = &status.basis {
        let abandoned = if basis.abandons_carried { ", carried money abandoned" } else { "" };
        println!("settled by  {} reveals, totals {}{abandoned}", basis.reveals, basis.totals_root);
    }
    println!();
}

/// The rows that say something at this point of the epoch.
fn money(record: &EpochRecord) -> Vec<(&'static str, U256)> {
    let inputs = &record.inputs;
    let mut rows = vec![
        ("fees", record.fees()),
        ("carried in", inputs.carriedIn),
        ("unclaimed in", inputs.unclaimedIn),
        ("eco-reserve", inputs.eco),
        ("infrastructure", inputs.infra),
    ];
    if record.proven || record.settled {
        let parts = &record.settlement;
        rows.extend([
            ("creators", parts.creators),
            ("carried on", parts.carried),
            ("unclaimed", parts.unclaimed),
        ]);
    }
    if record.settled {
        rows.push(("not yet withdrawn", record.claimable));
    }
    rows
}
