//! `cwe creator work show`: a work as it is on chain.

use alloy::primitives::{Address, B256};
use cwe_bindings::economy::contracts::work_registry::ICWERegistry;
use eyre::Result;
use serde::Serialize;

use crate::{
    economy::{EconomyArgs, ids},
    table,
};

/// Show a work: creator, status, payees, price, content
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The work
    #[arg(value_name = "WORK")]
    work: B256,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// A work in the running epoch and the next one.
#[derive(Debug, Serialize)]
struct Shown {
    work_id: B256,
    creator_id: B256,
    /// Unix time in seconds.
    registered_at: u64,
    status: &'static str,
    epoch: u64,
    now: InEpoch,
    next: InEpoch,
}

/// What holds in an epoch.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct InEpoch {
    version: u32,
    /// Micro-CLN.
    price_per_min: u64,
    region_rule: String,
    content_id: B256,
    manifest_id: B256,
    fp_id: B256,
    fp_hash: B256,
    access_classes: u64,
    payees: Vec<ShownPayee>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct ShownPayee {
    account: Address,
    share_ppm: u64,
}

/// Runs `cwe creator work show`.
pub(crate) async fn run(args: &ShowArgs) -> Result<()> {
    let economy = args.economy.connect(None).await?;
    let registry = economy.registry();
    let work = economy.read("reading the work", registry.workOf(args.work)).await?;
    let epoch = economy.current_epoch().await?;
    let in_epoch = async |epoch: u64| -> Result<InEpoch> {
        let version = economy
            .read("reading the version", registry.versionAt(args.work, epoch))
            .await?;
        let terms = economy
            .read("reading the terms", registry.termsAt(args.work, epoch))
            .await?;
        let content = economy
            .read("reading the content", registry.contentOf(args.work, version))
            .await?;
        let payees = economy
            .read("reading the payees", registry.payeesAt(args.work, epoch))
            .await?;
        Ok(InEpoch {
            version,
            price_per_min: terms.pricePerMin,
            region_rule: ids::name_of(terms.regionRule),
            content_id: content.contentId,
            manifest_id: content.manifestId,
            fp_id: content.fpId,
            fp_hash: content.fpHash,
            access_classes: content.accessClasses.to(),
            payees: payees
                .into_iter()
                .map(|payee| ShownPayee {
                    account: payee.account,
                    share_ppm: payee.share.to(),
                })
                .collect(),
        })
    };
    let shown = Shown {
        work_id: args.work,
        creator_id: work.creatorId,
        registered_at: work.registeredAt,
        status: status_name(&work),
        epoch,
        now: in_epoch(epoch).await?,
        next: in_epoch(epoch.saturating_add(1)).await?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&shown)?);
    } else {
        print(&shown);
    }
    Ok(())
}

fn status_name(work: &ICWERegistry::Work) -> &'static str {
    match work.status {
        1 => "active",
        2 => "deprecated",
        3 => "blacklisted",
        _ => "unknown",
    }
}

fn print(shown: &Shown) {
    println!("work     {}", shown.work_id);
    println!("creator  {}", shown.creator_id);
    println!(
        "status   {}, registered at Unix time {}",
        shown.status, shown.registered_at
    );
    print_epoch(&format!("epoch {}", shown.epoch), &shown.now);
    if shown.next != shown.now {
        print_epoch(&format!("from epoch {} on", shown.epoch.saturating_add(1)), &shown.next);
    }
}

fn print_epoch(heading: &str, shown: &InEpoch) {
    println!("\n{heading}: version {}", shown.version);
    println!(
        "  {} micro-CLN a minute, region rule {}, access classes {}",
        shown.price_per_min, shown.region_rule, shown.access_classes
    );
    for (name, value) in [
        ("content id ", shown.content_id),
        ("manifest id", shown.manifest_id),
        ("FP_ID      ", shown.fp_id),
        ("FP hash    ", shown.fp_hash),
    ] {
        if !value.is_zero() {
            println!("  {name}  {value}");
        }
    }
    let mut payees = table::new(["payee", "ppm"]);
    for payee in &shown.payees {
        payees.add_row([payee.account.to_string(), payee.share_ppm.to_string()]);
    }
    println!("{payees}");
}
