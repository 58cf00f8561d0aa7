//! `cwe epoch payouts`: the published payout list of a settled epoch, with Merkle proofs.

use alloy::primitives::{Address, B256, U256};
use eyre::{Result, bail};
use serde::Serialize;

use super::{chain::EpochRecord, published::{self, PublishedList}};
use crate::{
    amount,
    economy::{EconomyArgs, snapshot::Snapshot},
    table,
};

/// Show a settled epoch's published payout list, checked against the settlement, or one work's payout and its proof
#[derive(Debug, clap::Args)]
pub(crate) struct PayoutsArgs {
    /// The epoch
    #[arg(value_name = "EPOCH", value_parser = clap::value_parser!(u64).range(1..))]
    epoch: u64,
    /// This work only, with its Merkle proof
    #[arg(long, value_name = "WORK")]
    work: Option<B256>,
    /// With the Merkle proof of every work
    #[arg(long)]
    proofs: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Listed {
    epoch: u64,
    payout_root: B256,
    payouts_hash: B256,
    publisher: Option<Address>,
    /// CLN wei.
    creators_wei: String,
    payouts: Vec<Entry>,
}

/// What `CWEPayouts.withdraw` takes.
#[derive(Debug, Serialize)]
struct Entry {
    work: B256,
    amount_wei: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Vec<B256>>,
    #[serde(skip)]
    amount: U256,
}

/// Runs `cwe epoch payouts`.
pub(crate) async fn run(args: &PayoutsArgs) -> Result<()> {
    let economy = args.economy.connect(None).await?;
    let snapshot = Snapshot::new(&economy).await?;
    let record = EpochRecord::read(&snapshot, args.epoch).await?;
    record.require_settled()?;
    let list = published::read(&snapshot, args.epoch, record.windows.settleableAt, &record.settlement).await?;
    let listed = Listed {
        epoch: args.epoch,
        payout_root: record.settlement.payoutRoot,
        payouts_hash: record.settlement.payoutsHash,
        publisher: list.publisher,
        creators_wei: record.settlement.creators.to_string(),
        payouts: entries(args.epoch, &list, args.work, args.proofs)?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&listed)?);
    } else {
        print(&listed);
    }
    Ok(())
}

/// Every payout, or that of one work, which always has its proof.
fn entries(epoch: u64, list: &PublishedList, work: Option<B256>, proofs: bool) -> Result<Vec<Entry>> {
    let proofs = proofs || work.is_some();
    let works = match work {
        Some(work) => vec![work],
        None => list.payouts.iter().map(|payout| payout.work).collect(),
    };
    works
        .into_iter()
        .map(|work| {
            let Some((payout, proof)) = list.of(work) else {
                bail!("work {work} is not in the payout list of epoch {epoch}, which has {} works", list.payouts.len());
            };
            Ok(Entry {
                work,
                amount_wei: payout.amount.to_string(),
                proof: proofs.then_some(proof),
                amount: U256::from(payout.amount),
            })
        })
        .collect()
}

fn print(listed: &Listed) {
    println!("epoch {}, root {}", listed.epoch, listed.payout_root);
    if listed.payouts.is_empty() {
        println!("nobody is paid in this epoch");
        return;
    }
    let mut rows = table::new(["work", "amount", "wei"]);
    for entry in &listed.payouts {
        rows.add_row([entry.work.to_string(), amount::show(entry.amount), entry.amount_wei.clone()]);
    }
    println!("{rows}");
    for entry in &listed.payouts {
        for sibling in entry.proof.iter().flatten() {
            println!("proof of {}  {sibling}", entry.work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::published::tests::{payout, settlement},
        *,
    };

    fn list() -> PublishedList {
        let payouts = [payout(3, 5), payout(8, 9)];
        PublishedList {
            publisher: None,
            payouts: payouts.to_vec(),
            tree: cwe_dapr::PayoutTree::new(3, &payouts),
        }
    }

    #[test]
    fn every_payout_comes_with_a_proof_that_holds() {
        let list = list();
        let root = settlement(&list.payouts).payoutRoot;
        let entries = entries(3, &list, None, true).unwrap();
        assert_eq!(entries.len(), 2);
        for (entry, payout) in entries.iter().zip(&list.payouts) {
            assert!(cwe_dapr::verify_payout(root, 3, payout, entry.proof.as_ref().unwrap()));
        }
    }

    #[test]
    fn a_work_that_is_not_listed_is_named() {
        let work = B256::with_last_byte(4);
        let error = entries(3, &list(), Some(work), false).unwrap_err();
        assert!(error.to_string().contains(&work.to_string()), "{error}");
        let [listed] = entries(3, &list(), Some(B256::with_last_byte(8)), false).unwrap().try_into().unwrap();
        assert!(listed.proof.is_some());
        assert!(entries(3, &list(), None, false).unwrap().iter().all(|entry| entry.proof.is_none()));
    }
}
