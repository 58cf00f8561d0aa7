//! `cwe epoch report`: a settled epoch as a page to read and a table to count with.

mod csv;
mod html;
mod svg;

use std::{io::Write, path::{Path, PathBuf}};

use alloy::primitives::U256;
use eyre::{Result, WrapErr};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::{chain::EpochRecord, published, time::utc};
use crate::economy::{EconomyArgs, ids, snapshot::Snapshot};

/// Works that the page shows.
const TOP_WORKS: usize = 20;

/// Write a settled epoch as a self-contained HTML page with charts, and as CSV
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The epoch
    #[arg(value_name = "EPOCH", value_parser = clap::value_parser!(u64).range(1..))]
    epoch: u64,
    /// File of the page; one that is there is replaced
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// File of the table, with all works; one that is there is replaced
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// What a report tells; amounts in CLN wei.
struct Report {
    epoch: u64,
    chain_id: u64,
    /// Sealed block that everything was read in.
    block: u64,
    /// First and last moment of listening.
    listened: (String, String),
    tiers: Vec<Tier>,
    /// What came in, and where it went.
    inflow: Vec<Part>,
    outflow: Vec<Part>,
    /// Of the creators' money.
    withdrawn: U256,
    /// Least number of reveals with which a work in a tier is listed.
    min_reveals: u32,
    /// The whole list, largest first.
    works: Vec<Part>,
    payout_root: String,
    payouts_hash: String,
}

struct Tier {
    name: String,
    subscribers: u64,
    submissions: u64,
    revenue: U256,
}

/// An amount with a name.
struct Part {
    name: String,
    amount: U256,
}

#[derive(Debug, Serialize)]
struct Written<'a> {
    epoch: u64,
    html: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<&'a Path>,
    works: usize,
}

/// Runs `cwe epoch report`.
pub(crate) async fn run(args: &ReportArgs) -> Result<()> {
    let economy = args.economy.connect(None).await?;
    let snapshot = Snapshot::new(&economy).await?;
    let record = EpochRecord::read(&snapshot, args.epoch).await?;
    record.require_settled()?;
    let list = published::read(&snapshot, args.epoch, record.windows.settleableAt, &record.settlement).await?;
    let report = report(&record, &list, snapshot.block);
    write(&args.out, &html::page(&report))?;
    if let Some(path) = &args.csv {
        write(path, &csv::table(&report))?;
    }
    let written = Written {
        epoch: args.epoch,
        html: &args.out,
        csv: args.csv.as_deref(),
        works: report.works.len(),
    };
    if args.json {
        println!("{}", serde_json::to_string(&written)?);
    } else {
        println!("wrote {}", args.out.display());
        if let Some(path) = &args.csv {
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

fn report(record: &EpochRecord, list: &published::PublishedList, block: u64) -> Report {
    let (inputs, parts) = (&record.inputs, &record.settlement);
    let part = |name: &str, amount: U256| Part {
        name: name.into(),
        amount,
    };
    let mut works: Vec<_> = list
        .payouts
        .iter()
        .map(|payout| part(&payout.work.to_string(), U256::from(payout.amount)))
        .collect();
    works.sort_by(|one, other| other.amount.cmp(&one.amount));
    Report {
        epoch: record.epoch,
        chain_id: record.chain_id,
        block,
        listened: (utc(record.windows.startsAt), utc(record.windows.endsAt)),
        tiers: record.tiers.iter().map(tier).collect(),
        inflow: vec![
            part("fees", record.fees()),
            part("carried from the epoch before", inputs.carriedIn),
            part("unclaimed in the epoch before", inputs.unclaimedIn),
        ],
        outflow: vec![
            part("creators", parts.creators),
            part("eco-reserve", inputs.eco),
            part("infrastructure", inputs.infra),
            part("carried on", parts.carried),
            part("unclaimed", parts.unclaimed),
        ],
        withdrawn: parts.creators.saturating_sub(record.claimable),
        min_reveals: record.parameters.minReveals,
        works,
        payout_root: parts.payoutRoot.to_string(),
        payouts_hash: parts.payoutsHash.to_string(),
    }
}

fn tier(tier: &super::chain::TierRecord) -> Tier {
    Tier {
        name: ids::name_of(tier.id),
        subscribers: tier.subscribers,
        submissions: tier.submissions,
        revenue: tier.revenue,
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder).wrap_err_with(writing)?;
    file.write_all(text.as_bytes()).wrap_err_with(writing)?;
    readable(&file).wrap_err_with(writing)?;
    file.persist(path).wrap_err_with(writing)?;
    Ok(())
}

/// Temporary files are their owner's alone; a report is meant to be shown.
fn readable(file: &NamedTempFile) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10²⁰ wei of fees in two tiers, one of which has a name that no page should take for its own.
    pub(super) fn sample(works: u64) -> Report {
        let part = |name: &str, amount: u64| Part {
            name: name.into(),
            amount: U256::from(amount),
        };
        Report {
            epoch: 7,
            chain_id: 51_337,
            block: 99,
            listened: (utc(0), utc(2_592_000)),
            tiers: vec![
                Tier {
                    name: "light".into(),
                    subscribers: 3,
                    submissions: 2,
                    revenue: U256::from(30),
                },
                Tier {
                    name: "<script>alert('1')</script>".into(),
                    subscribers: 0,
                    submissions: 0,
                    revenue: U256::ZERO,
                },
            ],
            inflow: vec![part("fees", 30), part("carried from the epoch before", 2)],
            outflow: vec![part("creators", 20), part("eco-reserve", 5), part("unclaimed", 7)],
            withdrawn: U256::from(4),
            min_reveals: 3,
            works: (0..works).map(|number| part(&format!("0x00{number:062x}"), 1000 - number)).collect(),
            payout_root: "0xabc".into(),
            payouts_hash: "0xdef".into(),
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_can_be_read_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        write(&path, "first").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no leftovers");
        let error = write(Path::new("/nonexistent/report.html"), "x").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/report.html"), "{error}");
    }
}
