//! `cwe status`: both chains at a glance.

use alloy::{
    primitives::{Address, B256, U64},
    providers::{DynProvider, Provider},
};
use cwe_bindings::contracts::{BatchVerifier, Inbox, Rollup};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

use crate::{
    l2,
    network::{Network, NetworkArgs},
    table,
};

/// Show L1 head, L2 blocks, batches, queue and backlog
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

/// What the command prints. A side that can't be reached is null, with the reason beside it.
#[derive(Debug, Serialize)]
struct Status {
    l1: Option<L1Status>,
    l1_error: Option<String>,
    l2: Option<L2Status>,
    l2_error: Option<String>,
    /// Blocks not yet committed on L1.
    backlog_blocks: Option<u64>,
}

#[derive(Debug, Serialize)]
struct L1Status {
    latest_block: u64,
    last_committed_batch: u64,
    last_finalized_batch: u64,
    /// Messages enqueued so far.
    messages_enqueued: u64,
    /// Messages that no committed batch has processed.
    messages_uncommitted: u64,
    /// What checks proofs; null if there is none, and then nothing can be finalized.
    verifier: Option<Verifier>,
    paused: bool,
    open: bool,
}

/// The verifier, in its own words; `cwe audit` compares it with the published one.
#[derive(Debug, Serialize)]
struct Verifier {
    address: Address,
    /// Name of the reference string; null if the contract does not tell.
    srs: Option<String>,
    /// Whether it says that its reference string is a ceremony's.
    safe: bool,
}

#[derive(Debug, Serialize)]
struct L2Status {
    latest: Head,
    safe: Head,
    finalized: Head,
}

/// A block's position.
#[derive(Debug, Clone, Copy, Serialize)]
struct Head {
    number: u64,
    hash: B256,
}

#[derive(Debug, Deserialize)]
struct Header {
    number: U64,
    hash: B256,
}

/// Runs the command. Fails when a side can't be reached, after printing what is known.
pub(crate) async fn run(args: &StatusArgs) -> Result<()> {
    let network = args.network.resolve()?;
    let (l1, l2) = tokio::join!(l1_status(&network), l2_status(&network));
    let (l1, l1_error) = split(l1);
    let (l2, l2_error) = split(l2);
    let backlog_blocks = l2.as_ref().map(|l2| l2.latest.number.saturating_sub(l2.safe.number));
    let status = Status {
        l1,
        l1_error,
        l2,
        l2_error,
        backlog_blocks,
    };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&network, &status);
    }
    if status.l1.is_none() || status.l2.is_none() {
        bail!("a side of the bridge can't be reached");
    }
    Ok(())
}

fn split<T>(result: Result<T>) -> (Option<T>, Option<String>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    }
}

async fn l1_status(network: &Network) -> Result<L1Status> {
    let l1 = network.l1(None).await?;
    let rollup = Rollup::new(network.contracts.rollup, &l1);
    let inbox = Inbox::new(network.contracts.inbox, &l1);
    let messages_enqueued = inbox.nextIndex().call().await.wrap_err("reading the inbox")?;
    let processed = rollup.nextMessage().call().await.wrap_err("reading the rollup")?;
    Ok(L1Status {
        latest_block: l1.get_block_number().await.wrap_err("reading the L1 head")?,
        last_committed_batch: rollup
            .lastCommittedBatch()
            .call()
            .await
            .wrap_err("reading the rollup")?,
        last_finalized_batch: rollup
            .lastFinalizedBatch()
            .call()
            .await
            .wrap_err("reading the rollup")?,
        messages_enqueued,
        messages_uncommitted: messages_enqueued.saturating_sub(processed),
        verifier: verifier(&l1, &rollup).await?,
        paused: rollup.paused().call().await.wrap_err("reading the rollup")?,
        open: rollup.isOpen().call().await.wrap_err("reading the rollup")?,
    })
}

async fn verifier(l1: &DynProvider, rollup: &Rollup::RollupInstance<&DynProvider>) -> Result<Option<Verifier>> {
    let address = rollup.verifier().call().await.wrap_err("reading the rollup")?;
    if address.is_zero() {
        return Ok(None);
    }
    // Another kind of verifier has no name for its setup, which is no reason to tell nothing at all.
    let contract = BatchVerifier::new(address, l1);
    Ok(Some(Verifier {
        address,
        srs: contract.srs().call().await.ok(),
        safe: contract.isSafe().call().await.unwrap_or(false),
    }))
}

async fn l2_status(network: &Network) -> Result<L2Status> {
    let l2 = network.l2(None).await?;
    Ok(L2Status {
        latest: head(&l2, "latest").await?,
        safe: head(&l2, "safe").await?,
        finalized: head(&l2, "finalized").await?,
    })
}

async fn head(l2: &DynProvider, tag: &str) -> Result<Head> {
    let header: Option<Header> = l2::call(l2, "eth_getBlockByNumber", serde_json::json!([tag, false])).await?;
    match header {
        Some(header) => Ok(Head {
            number: header.number.to(),
            hash: header.hash,
        }),
        None => bail!("the L2 has no {tag} block"),
    }
}

impl Verifier {
    fn describe(&self) -> String {
        let srs = self.srs.as_deref().unwrap_or("unknown");
        let warning = if self.safe { "" } else { "UNSAFE " };
        format!("verifier {}, {warning}reference string {srs}", self.address)
    }
}

fn print(network: &Network, status: &Status) {
    let mut table = table::new(["", "", ""]);
    match &status.l1 {
        Some(l1) => {
            let proofs = l1
                .verifier
                .as_ref()
                .map_or_else(|| "no verifier: nothing can be finalized".into(), Verifier::describe);
            let mode = match (l1.paused, l1.open) {
                (true, _) => "paused",
                (_, true) => "open: anybody may commit and prove",
                _ => "",
            };
            table.add_row(["L1 head".into(), l1.latest_block.to_string(), network.l1_rpc.clone()]);
            table.add_row([
                "batches committed".into(),
                l1.last_committed_batch.to_string(),
                mode.into(),
            ]);
            table.add_row(["batches finalized".into(), l1.last_finalized_batch.to_string(), proofs]);
            let waiting = format!("{} not in a committed batch", l1.messages_uncommitted);
            table.add_row(["messages from L1".into(), l1.messages_enqueued.to_string(), waiting]);
        }
        None => {
            table.add_row([
                "L1".into(),
                "unreachable".into(),
                status.l1_error.clone().unwrap_or_default(),
            ]);
        }
    }
    match &status.l2 {
        Some(l2) => {
            for (name, head) in [
                ("L2 latest", l2.latest),
                ("L2 safe", l2.safe),
                ("L2 finalized", l2.finalized),
            ] {
                table.add_row([name.into(), head.number.to_string(), head.hash.to_string()]);
            }
            let backlog = status.backlog_blocks.unwrap_or_default();
            table.add_row([
                "backlog".into(),
                backlog.to_string(),
                "blocks not yet committed on L1".into(),
            ]);
        }
        None => {
            table.add_row([
                "L2".into(),
                "unreachable".into(),
                status.l2_error.clone().unwrap_or_default(),
            ]);
        }
    }
    println!("{table}");
}
