//! `cwe audit`: everything that a batch claims, computed again from L1 data alone.
//!
//! Two passes over the events of `Rollup` and `Inbox`. The first finds the batches that stand (a batch may be reverted
//! before it is proven). The second takes them in order: data fetched and compared with the committed hash, messages
//! with the inbox's rolling hash, blocks executed and compared with the committed roots. Then the proofs of final
//! batches: taken from the call data that made them final, and checked by this build's own verifier for the value that
//! follows from the audited batches; and the verifier on L1, whose code and pinned values must be the ones that this
//! repository publishes. The sequencer and the prover are asked nothing.

mod check;
mod deployed;
mod finality;
mod genesis;
mod local;
mod proofs;
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
use deployed::VerifierReport;
use finality::Finalization;
use source::Source;

/// Check batches against L1: data, execution, queue, proof, and the verifier
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
    /// Whether every check of every reported batch, and of the verifier, passed.
    ok: bool,
    verifier: VerifierReport,
    batches: Vec<Row>,
}

/// One batch: each check is `ok`, `not checked`, or what is wrong. A batch that is not final yet has no proof.
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
    pub proof: String,
}

/// A check that passed.
pub(crate) const OK: &str = "ok";
/// The batch is not final, so that there is no proof to check.
pub(crate) const NOT_PROVEN: &str = "not proven";
/// A check that an earlier failure made impossible.
pub(crate) const NOT_CHECKED: &str = "not checked";

impl Row {
    fn passed(&self) -> bool {
        [&self.data, &self.queue, &self.execution]
            .into_iter()
            .all(|check| check == OK)
            && [OK, NOT_PROVEN].contains(&self.proof.as_str())
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

    progress.step("comparing the verifier on L1");
    let l1 = network.l1(None).await?;
    let rollup = network.contracts.rollup;
    let (verifier, mut local) = deployed::check(&l1, rollup).await?;
    let head = source.head().await?;
    let finalizations = finality::read(&l1, rollup, args.start_block, head, source::LOG_RANGE_BLOCKS).await?;
    auditor.expect_proofs(finalizations.last().map_or(0, |last| last.to));

    progress.step("finding the batches that stand");
    let standing = source.standing_batches().await?;
    if let Some(index) = args.batch.filter(|index| !standing.contains_key(index)) {
        bail!(
            "batch {index} is not committed; the last one is {}",
            standing.keys().last().copied().unwrap_or_default()
        );
    }
    progress.step(format!("checking {} batches", standing.len()));
    let until = args.batch.map(|index| end_of_proof(&finalizations, index));
    let mut rows = auditor
        .run(&source, &standing, until, |row| {
            progress.detail(&format!("batch {}", row.batch))
        })
        .await?;
    rows.retain(|row| args.batch.is_none_or(|index| row.batch == index));

    progress.step(format!("checking {} proofs", finalizations.len()));
    for finalization in &finalizations {
        let concerned = rows
            .iter_mut()
            .filter(|row| (finalization.from..=finalization.to).contains(&row.batch) && row.proof == NOT_CHECKED);
        let concerned: Vec<_> = concerned.collect();
        if concerned.is_empty() {
            continue;
        }
        let outcome = match finality::proof(&l1, rollup, finalization).await? {
            Ok(submitted) => proofs::check(
                &mut local,
                auditor.l2_chain_id(),
                auditor.audited(),
                finalization,
                &submitted,
            ),
            Err(problem) => problem,
        };
        let outcome = with_other_verifier(outcome, finalization, &verifier);
        for row in concerned {
            row.proof.clone_from(&outcome);
        }
    }
    progress.finish();

    let report = Report {
        ok: verifier.passed() && rows.iter().all(Row::passed),
        verifier,
        batches: rows,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&network, &report);
    }
    if !report.ok {
        bail!("the audit found what is not as it claims to be");
    }
    Ok(())
}

/// The last batch that must be read to check the proof of batch `index`.
fn end_of_proof(finalizations: &[Finalization], index: u64) -> u64 {
    finalizations
        .iter()
        .find(|finalization| (finalization.from..=finalization.to).contains(&index))
        .map_or(index, |finalization| finalization.to)
}

/// A proof for an earlier verifier need not satisfy the present one: a refusal says which it was.
fn with_other_verifier(outcome: String, finalization: &Finalization, verifier: &VerifierReport) -> String {
    if outcome == OK || verifier.address == Some(finalization.verifier) {
        return outcome;
    }
    format!("{outcome} (made final by another verifier, {})", finalization.verifier)
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
            row.proof.clone(),
        ]);
    }
    println!("{table}");
    print_verifier(&report.verifier);
    let verdict = if report.ok {
        "everything is what it claims to be"
    } else {
        "NOT everything is what it claims to be"
    };
    println!(
        "\n{} batches of Rollup {}: {verdict}",
        report.batches.len(),
        network.contracts.rollup
    );
}

fn print_verifier(verifier: &VerifierReport) {
    let Some(address) = verifier.address else {
        println!("\nRollup has no verifier: nothing can be final, and no proof was checked.");
        return;
    };
    let mut table = table::new(["verifier", &address.to_string()]);
    for (name, result) in verifier.checks() {
        table.add_row([name, result]);
    }
    println!("\n{table}");
    if !verifier.safe {
        println!(
            "\nUNSAFE reference string {}: whoever knows its seed can prove anything. For development only.",
            verifier.srs.as_deref().unwrap_or("?")
        );
    }
}
