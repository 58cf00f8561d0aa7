//! `cwe audit`: everything that a batch claims, computed again from L1 data alone.
//!
//! Two passes over the events of `Rollup` and `Inbox`. The first finds the batches that stand (a batch may be reverted
//! before it is proven). The second takes them in order: data fetched and compared with the committed hash, messages
//! with the inbox's rolling hash, blocks executed and compared with the committed roots. The sequencer is asked nothing.

mod check;
mod genesis;
mod source;

use std::path::{Path, PathBuf};

use cwe_bridge::BlobSource;
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

use crate::{
    network::{Network, NetworkArgs},
    progress::Progress,
    table,
};
use check::Auditor;
use source::Source;

/// Check batches against L1: data, execution, queue
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Report this batch only; the ones before it are executed all the same. Default: all committed batches
    #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u64).range(1..))]
    batch: Option<u64>,
    /// Genesis file; default: a devnet's genesis with batch 0's chain id and time. Its hash must be batch 0's
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// L1 block in which the contracts were deployed
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    start_block: u64,
    /// URL of a beacon node's API to fetch blobs from; may be repeated
    #[arg(long, value_name = "URL")]
    beacon: Vec<String>,
    /// URL of a blob archive, with {hash} in it; may be repeated. Without any source anvil's own methods are used
    #[arg(long, value_name = "URL")]
    blob_archive: Vec<String>,
    /// Keep the rebuilt chain in this folder; the next audit goes on from it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

/// What the audit found.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether every check of every reported batch passed.
    ok: bool,
    /// Proofs are checked once there is a verifier.
    proofs: &'static str,
    batches: Vec<Row>,
}

/// One batch: each check is `ok`, `not checked`, or what is wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub batch: u64,
    pub first_block: u64,
    pub last_block: u64,
    pub messages: u64,
    pub transactions: Option<u64>,
    pub data_bytes: Option<usize>,
    pub data: String,
    pub queue: String,
    pub execution: String,
}

/// A check that passed.
pub(crate) const OK: &str = "ok";
/// A check that an earlier failure made impossible.
pub(crate) const NOT_CHECKED: &str = "not checked";

impl Row {
    fn passed(&self) -> bool {
        [&self.data, &self.queue, &self.execution]
            .into_iter()
            .all(|check| check == OK)
    }
}

/// Runs the command; fails when a check fails.
pub(crate) async fn run(args: &AuditArgs) -> Result<()> {
    let network = args.network.resolve()?;
    let mut progress = Progress::new();
    progress.step("reading the genesis");
    let rollup_genesis = genesis::batch_zero(&network, args.start_block).await?;
    let genesis = genesis::find(args.genesis.as_deref(), &rollup_genesis)?;
    let sources = blob_sources(args);
    let (folder, _temporary) = folder(args.data.as_deref())?;
    let mut auditor = Auditor::open(&folder, &genesis)?;
    let source = Source::connect(&network, auditor.deployment()?, args.start_block, sources)?;

    progress.step("finding the batches that stand");
    let standing = source.standing_batches().await?;
    if let Some(index) = args.batch.filter(|index| !standing.contains_key(index)) {
        bail!(
            "batch {index} is not committed; the last one is {}",
            standing.keys().last().copied().unwrap_or_default()
        );
    }
    progress.step(format!("checking {} batches", standing.len()));
    let rows = auditor
        .run(&source, &standing, args.batch, |row| {
            progress.detail(&format!("batch {}", row.batch))
        })
        .await?;
    progress.finish();

    let reported: Vec<Row> = rows
        .into_iter()
        .filter(|row| args.batch.is_none_or(|index| row.batch == index))
        .collect();
    let report = Report {
        ok: reported.iter().all(Row::passed),
        proofs: "no verifier yet",
        batches: reported,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&network, &report);
    }
    if !report.ok {
        bail!("the audit found batches that are not what they claim");
    }
    Ok(())
}

fn blob_sources(args: &AuditArgs) -> Vec<BlobSource> {
    let beacons = args.beacon.iter().cloned().map(BlobSource::Beacon);
    let archives = args.blob_archive.iter().cloned().map(BlobSource::Archive);
    let given: Vec<_> = beacons.chain(archives).collect();
    if given.is_empty() {
        vec![BlobSource::Anvil]
    } else {
        given
    }
}

fn folder(data: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    match data {
        Some(path) => {
            std::fs::create_dir_all(path).wrap_err_with(|| format!("creating {}", path.display()))?;
            Ok((path.to_path_buf(), None))
        }
        None => {
            let folder = tempfile::Builder::new()
                .prefix("cwe-audit-")
                .tempdir()
                .wrap_err("creating a folder")?;
            Ok((folder.path().to_path_buf(), Some(folder)))
        }
    }
}

fn print(network: &Network, report: &Report) {
    let mut table = table::new([
        "batch",
        "blocks",
        "transactions",
        "messages",
        "bytes",
        "data",
        "queue",
        "execution",
        "proof",
    ]);
    for row in &report.batches {
        let count = |count: Option<String>| count.unwrap_or_else(|| "?".into());
        table.add_row([
            row.batch.to_string(),
            format!("{}–{}", row.first_block, row.last_block),
            count(row.transactions.map(|transactions| transactions.to_string())),
            row.messages.to_string(),
            count(row.data_bytes.map(|bytes| bytes.to_string())),
            row.data.clone(),
            row.queue.clone(),
            row.execution.clone(),
            report.proofs.into(),
        ]);
    }
    println!("{table}");
    let verdict = if report.ok {
        "every batch is what it claims to be"
    } else {
        "NOT every batch is what it claims to be"
    };
    println!(
        "\n{} batches of Rollup {}: {verdict}",
        report.batches.len(),
        network.contracts.rollup
    );
}
