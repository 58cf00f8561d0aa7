//! `cwe creator withdraw`: what all settled epochs pay to a creator's works, credited and fetched.
//!
//! Two steps, both of which anybody may do for anybody: `withdraw` credits a work's payout of an epoch to its payees,
//! `claim` sends an account what it is owed. The chain remembers both, so a run that was cut short is simply repeated.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Filter,
};
use cwe_bindings::economy::contracts::{CWEPayouts, WorkRegistry};
use eyre::{Result, bail, eyre};
use serde::Serialize;

use super::creator_id;
use crate::{
    amount,
    economy::{Economy, EconomyArgs, snapshot::Snapshot},
    epoch::published::{self, PublishedList},
    keys::KeyArgs,
    progress::Progress,
    table,
};

/// Number of the status of works that governance has blacklisted, in `ICWERegistry.Status`.
const BLACKLISTED: u8 = 3;

/// Withdraw what settled epochs pay to your works, to all their payees, and fetch your part
#[derive(Debug, clap::Args)]
pub(crate) struct WithdrawArgs {
    /// This work instead of all works of the key's creator, whosever it is; may be repeated
    #[arg(long, value_name = "WORK")]
    work: Vec<B256>,
    /// Look at epochs from this one on
    #[arg(long, value_name = "EPOCH", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_epoch: u64,
    /// Only show what would be withdrawn
    #[arg(long)]
    dry_run: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// What was done, or would be; amounts in CLN wei.
#[derive(Debug, Serialize)]
struct Report {
    works: usize,
    /// Settled epochs that were looked at.
    epochs: u64,
    dry_run: bool,
    payouts: Vec<Row>,
    /// What the payouts contract owed to the key's account and paid it.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Claimed>,
    /// What could not be done.
    problems: Vec<String>,
}

/// What was fetched.
#[derive(Debug, Serialize)]
struct Claimed {
    account: Address,
    amount_wei: String,
    /// None where nothing was owed.
    transaction: Option<B256>,
    #[serde(skip)]
    amount: U256,
}

/// A work's payout of an epoch.
#[derive(Debug, Serialize)]
struct Row {
    epoch: u64,
    work: B256,
    amount_wei: String,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<B256>,
    #[serde(skip)]
    payout: Payout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Can be withdrawn.
    Open,
    /// Was withdrawn now.
    Withdrawn,
    /// Was withdrawn before, by whomever.
    WithdrawnBefore,
    /// Waits for governance.
    Blacklisted,
    /// Could not be withdrawn.
    Failed,
}

/// What `CWEPayouts.withdraw` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Payout {
    epoch: u64,
    work: B256,
    amount: U256,
    proof: Vec<B256>,
}

/// Runs `cwe creator withdraw`. Fails when something could not be done, after trying everything.
pub(crate) async fn run(args: &WithdrawArgs) -> Result<()> {
    // Looking at given works takes no key.
    let signer = if args.dry_run && !args.work.is_empty() {
        None
    } else {
        Some(args.keys.signer()?)
    };
    let account = signer.as_ref().map(|signer| signer.address());
    let creator = signer.as_ref().map(creator_id);
    let economy = args.economy.connect(signer).await?;
    let snapshot = Snapshot::new(&economy).await?;
    let mut progress = Progress::new();
    progress.step("finding the works");
    let works = works(&snapshot, &args.work, creator).await?;
    let (mut report, found) = found(&snapshot, &works, args, &mut progress).await?;
    for payout in found {
        let row = settle(&economy, payout, args.dry_run, &mut progress, &mut report.problems).await?;
        report.payouts.push(row);
    }
    if let Some(account) = account.filter(|_| !args.dry_run) {
        progress.step("fetching what is owed");
        match claim(&economy, account).await {
            Ok(claimed) => report.claimed = Some(claimed),
            Err(error) => report.problems.push(format!("{error:#}")),
        }
    }
    progress.finish();
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(eyre!(
            "{problem}{}",
            match report.problems.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            }
        )),
    }
}

/// The works that are meant.
async fn works(snapshot: &Snapshot<'_>, given: &[B256], creator: Option<B256>) -> Result<BTreeSet<B256>> {
    if !given.is_empty() {
        return Ok(given.iter().copied().collect());
    }
    let creator = creator.ok_or_else(|| eyre!("whose works? give --work or a key"))?;
    let registry = snapshot.economy.addresses.registry;
    let filter = Filter::new().address(registry).topic2(creator);
    let registered = snapshot.events::<WorkRegistry::WorkRegistered>(&filter, 0, snapshot.block).await?;
    if registered.is_empty() {
        bail!("creator {creator} has no works; a payee of somebody else's work names it with --work");
    }
    Ok(registered.into_iter().map(|located| located.event.workId).collect())
}

/// Payouts of the works in the lists of all settled epochs. An epoch whose list is missing is a problem, not the end.
async fn found(
    snapshot: &Snapshot<'_>,
    works: &BTreeSet<B256>,
    args: &WithdrawArgs,
    progress: &mut Progress,
) -> Result<(Report, Vec<Payout>)> {
    let contract = CWEPayouts::new(snapshot.economy.addresses.payouts, &snapshot.economy.l2);
    let next = snapshot.read("reading the next epoch", contract.nextEpoch()).await?;
    progress.step("reading the payout lists of settled epochs");
    let (mut payouts, mut problems) = (Vec::new(), Vec::new());
    for epoch in args.from_epoch..next {
        progress.detail(&format!("epoch {epoch}"));
        let settled = snapshot
            .read("reading the settlement", contract.settlementOf(epoch))
            .await?
            .settlement;
        if settled.payoutRoot.is_zero() {
            continue;
        }
        let clock = snapshot.economy.clock();
        let windows = snapshot.read("reading the epoch's windows", clock.windowsOf(epoch)).await?;
        match published::read(snapshot, epoch, windows.settleableAt, &settled).await {
            Ok(list) => payouts.extend(of_works(epoch, &list, works)),
            Err(error) => problems.push(format!("epoch {epoch}: {error:#}")),
        }
    }
    let report = Report {
        works: works.len(),
        epochs: next.saturating_sub(args.from_epoch),
        dry_run: args.dry_run,
        payouts: Vec::with_capacity(payouts.len()),
        claimed: None,
        problems,
    };
    Ok((report, payouts))
}

/// What a list has for the works.
fn of_works(epoch: u64, list: &PublishedList, works: &BTreeSet<B256>) -> Vec<Payout> {
    let payout = |work: &B256| {
        let (payout, proof) = list.of(*work)?;
        Some(Payout {
            epoch,
            work: *work,
            amount: U256::from(payout.amount),
            proof,
        })
    };
    works.iter().filter_map(payout).collect()
}

/// Withdraws one payout unless that was done before or must wait.
async fn settle(
    economy: &Economy,
    payout: Payout,
    dry_run: bool,
    progress: &mut Progress,
    problems: &mut Vec<String>,
) -> Result<Row> {
    let (mut state, mut transaction) = (state(economy, &payout).await?, None);
    if state == State::Open && !dry_run {
        let doing = format!("withdrawing the payout of work {} of epoch {}", payout.work, payout.epoch);
        progress.step(doing.clone());
        match withdraw(economy, &doing, &payout).await {
            Ok(hash) => (state, transaction) = (State::Withdrawn, Some(hash)),
            // Somebody else was faster.
            Err(_) if self::state(economy, &payout).await? == State::WithdrawnBefore => state = State::WithdrawnBefore,
            Err(error) => {
                state = State::Failed;
                problems.push(format!("{error:#}"));
            }
        }
    }
    Ok(Row {
        epoch: payout.epoch,
        work: payout.work,
        amount_wei: payout.amount.to_string(),
        state,
        transaction,
        payout,
    })
}

async fn state(economy: &Economy, payout: &Payout) -> Result<State> {
    let contract = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
    let doing = "reading whether a payout was withdrawn";
    if economy.read(doing, contract.isWithdrawn(payout.epoch, payout.work)).await? {
        return Ok(State::WithdrawnBefore);
    }
    let work = economy.read("reading the work", economy.registry().workOf(payout.work)).await?;
    Ok(if work.status == BLACKLISTED { State::Blacklisted } else { State::Open })
}

async fn withdraw(economy: &Economy, doing: &str, payout: &Payout) -> Result<B256> {
    let contract = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
    let call = contract.withdraw(payout.work, payout.epoch, payout.amount, payout.proof.clone());
    Ok(economy.send(doing, call).await?.transaction_hash)
}

/// Fetches what the payouts contract owes to an account.
async fn claim(economy: &Economy, account: Address) -> Result<Claimed> {
    let contract = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
    let amount = economy.read("reading what is owed", contract.owed(account)).await?;
    let mut transaction = None;
    if !amount.is_zero() {
        let receipt = economy.send("fetching what is owed", contract.claim(account)).await?;
        transaction = Some(receipt.transaction_hash);
    }
    Ok(Claimed {
        account,
        amount_wei: amount.to_string(),
        transaction,
        amount,
    })
}

fn print(report: &Report) {
    println!("{} works, {} settled epochs", report.works, report.epochs);
    if report.payouts.is_empty() {
        println!("no payouts");
    } else {
        let mut rows = table::new(["epoch", "work", "amount", "", ""]);
        for row in &report.payouts {
            rows.add_row([
                row.epoch.to_string(),
                row.work.to_string(),
                amount::show(row.payout.amount),
                in_words(row.state).into(),
                row.transaction.map(|hash| hash.to_string()).unwrap_or_default(),
            ]);
        }
        println!("{rows}");
    }
    if let Some(claimed) = &report.claimed {
        println!("fetched {} to {}", amount::show(claimed.amount), claimed.account);
    }
    for problem in &report.problems {
        eprintln!("{problem}");
    }
}

const fn in_words(state: State) -> &'static str {
    match state {
        State::Open => "can be withdrawn",
        State::Withdrawn => "withdrawn",
        State::WithdrawnBefore => "withdrawn before",
        State::Blacklisted => "waits: the work is blacklisted",
        State::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use cwe_dapr::{PayoutTree, verify_payout};

    use super::*;

    fn work(number: u64) -> B256 {
        U256::from(number).into()
    }

    fn list(epoch: u64, works: &[u64]) -> PublishedList {
        let payouts: Vec<_> = works
            .iter()
            .map(|number| cwe_dapr::Payout {
                work: work(*number),
                amount: 100 * u128::from(*number),
            })
            .collect();
        PublishedList {
            publisher: None,
            tree: PayoutTree::new(epoch, &payouts),
            payouts,
        }
    }

    #[test]
    fn a_plan_has_the_listed_works_of_the_creator_with_proofs_that_hold() {
        let list = list(4, &[1, 3, 5, 7, 9]);
        let plan = of_works(4, &list, &BTreeSet::from([work(3), work(4), work(9)]));
        assert_eq!(plan.iter().map(|payout| payout.work).collect::<Vec<_>>(), [work(3), work(9)]);
        for payout in plan {
            let listed = cwe_dapr::Payout {
                work: payout.work,
                amount: payout.amount.to(),
            };
            assert!(verify_payout(list.tree.root(), 4, &listed, &payout.proof));
        }
    }

    #[test]
    fn works_without_a_payout_make_no_plan() {
        assert_eq!(of_works(4, &list(4, &[1]), &BTreeSet::from([work(2)])), []);
        assert_eq!(of_works(4, &list(4, &[]), &BTreeSet::from([work(2)])), []);
    }
}
