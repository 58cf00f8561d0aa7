//! An epoch as the chain has it: views of the contracts, and the events behind them.

use alloy::primitives::{Address, B256, U256};
use alloy::{rpc::types::Filter, sol_types::SolEvent};
use cwe_bindings::economy::contracts::{
    CWEConsumption, CWEPayouts, CWETiers, EconomyParameters,
    cwe_payouts::ICWEPayouts::{Aggregate, Basis, Books, Settlement, SettlementInputs},
    economy_parameters::IEconomyParameters::Parameters,
    epoch_clock::IEpochClock::Windows,
};
use eyre::{Result, bail};

use crate::economy::snapshot::{Located, Snapshot, epoch_topic, of_epoch};

/// A tier in an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TierRecord {
    /// Its id.
    pub id: B256,
    /// CLN wei a subscription.
    pub fee: U256,
    /// CLN wei taken.
    pub revenue: U256,
    /// Subscriptions paid for.
    pub subscribers: u64,
    /// Submissions taken.
    pub submissions: u64,
}

/// What the contracts say of an epoch.
#[derive(Debug, Clone)]
pub(super) struct EpochRecord {
    /// Chain id of the L2.
    pub chain_id: u64,
    /// Its number.
    pub epoch: u64,
    /// When what of it happens.
    pub windows: Windows,
    /// End of the grace, and of twice the grace; Unix seconds.
    pub grace: (u64, u64),
    /// The governed figures.
    pub parameters: Parameters,
    /// Works and region factors.
    pub registry_commitment: B256,
    /// All tiers there ever were, in the contract's order.
    pub tiers: Vec<TierRecord>,
    /// Nullifier root and totals root of the state with the most reveals.
    pub best_roots: (B256, B256),
    /// Reveals of that state.
    pub best_reveals: u64,
    /// What the proven settlement divides by; zeros without one.
    pub basis: Basis,
    /// Reveals of the basis.
    pub basis_reveals: u64,
    /// The settlement as far as it is proven.
    pub settlement: Settlement,
    /// Whether it is proven.
    pub proven: bool,
    /// Whether the epoch is settled.
    pub settled: bool,
    /// The settlement of the epoch before.
    pub previous: Settlement,
    /// What the contract makes the settlement of: on the basis of the proven one, or on the best state.
    pub inputs: SettlementInputs,
    /// CLN wei of the payout list not yet withdrawn.
    pub claimable: U256,
    /// The epoch to be settled next.
    pub next_epoch: u64,
}

/// The events of an epoch.
#[derive(Debug, Clone, Default)]
pub(super) struct EpochEvents {
    /// CLN wei paid for subscriptions and upgrades.
    pub paid: U256,
    /// Subscriptions bought.
    pub subscriptions: u64,
    /// Tiers of the submissions.
    pub submissions: Vec<B256>,
    /// Proven batches of reveals.
    pub aggregates: Vec<Aggregate>,
    /// Proven settlements.
    pub settlements: Vec<CWEPayouts::SettlementProven>,
    /// The record of the settlement.
    pub record: Option<CWEPayouts::EpochSettled>,
    /// Payouts credited so far: work and CLN wei.
    pub withdrawn: Vec<(B256, U256)>,
}

/// What the payouts contract holds and owes, all epochs together, CLN wei.
#[derive(Debug, Clone)]
pub(super) struct Holdings {
    /// On its account.
    pub balance: U256,
    /// Owed to payees.
    pub owed: U256,
    /// Its books.
    pub books: Books,
}

impl EpochRecord {
    /// Reads an epoch.
    ///
    /// # Errors
    /// There is no such epoch, or the L2 fails.
    pub(super) async fn read(snapshot: &Snapshot<'_>, epoch: u64) -> Result<Self> {
        let economy = snapshot.economy;
        let payouts = CWEPayouts::new(economy.addresses.payouts, &economy.l2);
        let parameters = EconomyParameters::new(economy.addresses.parameters, &economy.l2);
        let windows = snapshot
            .read("reading the epoch's windows", economy.clock().windowsOf(epoch))
            .await?;
        let grace = snapshot.read("reading the grace", payouts.graceOf(epoch)).await?;
        let best = snapshot.read("reading the best state", payouts.rootsOf(epoch)).await?;
        let proven = snapshot.read("reading the settlement", payouts.settlementOf(epoch)).await?;
        let basis = snapshot.read("reading the basis", payouts.basisOf(epoch)).await?;
        let before = epoch.saturating_sub(1);
        let previous = snapshot
            .read("reading the settlement before", payouts.settlementOf(before))
            .await?;
        let divides_by = if proven.proven || proven.settled {
            basis.basis.clone()
        } else {
            Basis {
                nullifierRoot: best.nullifierRoot,
                totalsRoot: best.totalsRoot,
                abandonCarried: false,
            }
        };
        Ok(Self {
            chain_id: economy.addresses.l2_chain_id,
            epoch,
            windows,
            grace: (grace.endsAt, grace.unprovenAt),
            parameters: snapshot
                .read("reading the parameters", parameters.parametersOf(epoch))
                .await?,
            registry_commitment: snapshot
                .read("reading the registry", economy.registry().registryCommitment(epoch))
                .await?,
            tiers: tiers(snapshot, epoch).await?,
            best_roots: (best.nullifierRoot, best.totalsRoot),
            best_reveals: best.reveals,
            basis: basis.basis,
            basis_reveals: basis.reveals,
            settlement: proven.settlement,
            proven: proven.proven,
            settled: proven.settled,
            previous: previous.settlement,
            inputs: snapshot
                .read("reading the inputs", payouts.settlementInputs(epoch, divides_by))
                .await?,
            claimable: snapshot
                .read("reading the payouts", payouts.claimableOf(epoch))
                .await?,
            next_epoch: snapshot.read("reading the next epoch", payouts.nextEpoch()).await?,
        })
    }

    /// Fails where there is no settlement to look at.
    ///
    /// # Errors
    /// The epoch is not settled.
    pub(super) fn require_settled(&self) -> Result<()> {
        if !self.settled {
            bail!(
                "epoch {} is not settled; {} is next (`cwe epoch status {}` says what it waits for)",
                self.epoch,
                self.next_epoch,
                self.next_epoch
            );
        }
        Ok(())
    }

    /// All revenue of the epoch, CLN wei.
    pub(super) fn fees(&self) -> U256 {
        self.tiers.iter().map(|tier| tier.revenue).sum()
    }
}

async fn tiers(snapshot: &Snapshot<'_>, epoch: u64) -> Result<Vec<TierRecord>> {
    let economy = snapshot.economy;
    let tiers = economy.tiers();
    let consumption = CWEConsumption::new(economy.addresses.consumption, &economy.l2);
    let mut records = Vec::new();
    for id in snapshot.read("reading the tiers", tiers.tierIds()).await? {
        let terms = snapshot.read("reading a tier", tiers.termsOf(id, epoch)).await?;
        let taken = snapshot
            .read("reading a tier's revenue", tiers.revenueOf(epoch, id))
            .await?;
        records.push(TierRecord {
            id,
            fee: U256::from(terms.fee),
            revenue: taken.revenue,
            subscribers: taken.subscribers,
            submissions: snapshot
                .read("reading the submissions", consumption.submissionsOf(epoch, id))
                .await?,
        });
    }
    Ok(records)
}

impl EpochEvents {
    /// Reads the events of a settled epoch.
    ///
    /// # Errors
    /// The L2 fails.
    pub(super) async fn read(snapshot: &Snapshot<'_>, record: &EpochRecord) -> Result<Self> {
        let blocks = Blocks::find(snapshot, record).await?;
        let epoch = record.epoch;
        let addresses = &snapshot.economy.addresses;
        let (tiers, payouts) = (of_epoch(addresses.tiers, epoch), of_epoch(addresses.payouts, epoch));
        let subscribed: Vec<CWETiers::Subscribed> = all(snapshot, &tiers, blocks.sold_from, blocks.ended).await?;
        let upgraded: Vec<CWETiers::Upgraded> = all(snapshot, &tiers, blocks.sold_from, blocks.ended).await?;
        let submitted: Vec<CWEConsumption::ConsumptionSubmitted> =
            all(snapshot, &of_epoch(addresses.consumption, epoch), blocks.ended, blocks.settleable).await?;
        let aggregates: Vec<CWEPayouts::AggregateSubmitted> =
            all(snapshot, &payouts, blocks.ended, blocks.settleable).await?;
        let settled: Option<Located<CWEPayouts::EpochSettled>> =
            snapshot.first_event(&payouts, blocks.settleable).await?;
        let settled_in = settled.as_ref().map_or(snapshot.block, |settled| settled.block);
        let withdrawn: Vec<CWEPayouts::Withdrawn> =
            all(snapshot, &withdrawals(addresses.payouts, epoch), settled_in, snapshot.block).await?;
        let fees = subscribed.iter().map(|event| event.fee);
        Ok(Self {
            paid: fees.chain(upgraded.iter().map(|event| event.paid)).sum(),
            subscriptions: u64::try_from(subscribed.len())?,
            submissions: submitted.into_iter().map(|event| event.tierId).collect(),
            aggregates: aggregates.into_iter().map(|event| event.aggregate).collect(),
            settlements: all(snapshot, &payouts, blocks.settleable, settled_in).await?,
            record: settled.map(|located| located.event),
            withdrawn: withdrawn.into_iter().map(|event| (event.workId, event.amount)).collect(),
        })
    }
}

impl Holdings {
    /// Reads what the payouts contract holds and owes.
    ///
    /// # Errors
    /// The L2 fails.
    pub(super) async fn read(snapshot: &Snapshot<'_>) -> Result<Self> {
        let address = snapshot.economy.addresses.payouts;
        let payouts = CWEPayouts::new(address, &snapshot.economy.l2);
        Ok(Self {
            balance: snapshot.balance(address).await?,
            owed: snapshot.read("reading what is owed", payouts.totalOwed()).await?,
            books: snapshot.read("reading the books", payouts.books()).await?,
        })
    }
}

/// Blocks in which an epoch's windows begin.
struct Blocks {
    /// Subscriptions are sold from the epoch before on.
    sold_from: u64,
    ended: u64,
    settleable: u64,
}

impl Blocks {
    async fn find(snapshot: &Snapshot<'_>, record: &EpochRecord) -> Result<Self> {
        let before = record.epoch.saturating_sub(1);
        let sold_from = if before == 0 {
            0
        } else {
            let clock = snapshot.economy.clock();
            let windows = snapshot.read("reading the windows before", clock.windowsOf(before)).await?;
            snapshot.first_block_at(windows.startsAt).await?
        };
        Ok(Self {
            sold_from,
            ended: snapshot.first_block_at(record.windows.endsAt).await?,
            settleable: snapshot.first_block_at(record.windows.settleableAt).await?,
        })
    }
}

async fn all<T: SolEvent>(snapshot: &Snapshot<'_>, filter: &Filter, from: u64, to: u64) -> Result<Vec<T>> {
    let events = snapshot.events(filter, from, to).await?;
    Ok(events.into_iter().map(|located| located.event).collect())
}

/// The epoch is their second indexed field.
fn withdrawals(payouts: Address, epoch: u64) -> Filter {
    Filter::new().address(payouts).topic2(epoch_topic(epoch))
}
