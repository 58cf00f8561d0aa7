//! The L2 over JSON-RPC. Everything is read as of one sealed block, so that events and roots belong together.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use cwe_bindings::economy::{
    EconomyAddresses,
    // The proxy's event about its code has the same name; generated bindings number the two.
    contracts::{
        CWEConsumption, CWETiers, EconomyParameters, EpochBeacon, EpochClock, RegionRules, SplitVerifier, WorkRegistry,
        cwe_tiers::CWETiers::Upgraded_0 as SubscriptionUpgraded,
    },
};

use super::{
    Chain, ChainError, EpochFacts, EpochWindows, Submissions, Submitted, Subscription, Subscriptions, WorkTable,
    WorkTerms, logs,
};
use crate::ids::WorkId;

/// The economy on one L2.
#[derive(Debug, Clone)]
pub struct ChainClient {
    provider: DynProvider,
    addresses: EconomyAddresses,
}

/// A sealed block.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: u64,
    timestamp: u64,
}

impl ChainClient {
    /// A client of the economy at `addresses`.
    pub const fn new(provider: DynProvider, addresses: EconomyAddresses) -> Self {
        Self { provider, addresses }
    }

    /// Name of the reference string that the chain's verifier of Split proofs was made with; none where there is no
    /// verifier, or it does not tell.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn split_srs(&self) -> Result<Option<String>, ChainError> {
        const DOING: &str = "reading the verifier of Split proofs";
        let head = self.head().await?;
        let consumption = CWEConsumption::new(self.addresses.consumption, &self.provider);
        let verifier = self.call(DOING, consumption.verifier(), head).await?;
        let verifier = SplitVerifier::new(verifier, &self.provider);
        match verifier.srs().block(BlockId::number(head.number)).call().await {
            Ok(name) => Ok(Some(name)),
            Err(alloy::contract::Error::TransportError(error)) if error.as_error_resp().is_none() => {
                Err(logs::node(DOING, &error))
            }
            Err(_) => Ok(None),
        }
    }

    async fn head(&self) -> Result<Head, ChainError> {
        self.block(BlockNumberOrTag::Latest).await
    }

    async fn block(&self, number: BlockNumberOrTag) -> Result<Head, ChainError> {
        const DOING: &str = "reading a block";
        let block = self.provider.get_block_by_number(number).await;
        let block = block.map_err(|error| logs::node(DOING, &error))?;
        let header = block
            .ok_or_else(|| ChainError::Node {
                doing: DOING,
                reason: format!("the node has no block {number}"),
            })?
            .header;
        Ok(Head {
            number: header.number,
            timestamp: header.timestamp,
        })
    }

    /// The first block up to `head` whose time is at least `timestamp`; the one after `head` if there is none.
    async fn first_block_at(&self, timestamp: u64, head: Head) -> Result<u64, ChainError> {
        let (mut low, mut high) = (0, head.number.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.block(middle.into()).await?.timestamp < timestamp {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    async fn call<P: Provider, D: CallDecoder>(
        &self,
        doing: &'static str,
        call: CallBuilder<P, D>,
        head: Head,
    ) -> Result<D::CallOutput, ChainError> {
        call.block(BlockId::number(head.number))
            .call()
            .await
            .map_err(|error| match error {
                alloy::contract::Error::TransportError(error) => logs::node(doing, &error),
                other => ChainError::Node {
                    doing,
                    reason: other.to_string(),
                },
            })
    }

    async fn windows(&self, epoch: u64, head: Head) -> Result<EpochWindows, ChainError> {
        let clock = EpochClock::new(self.addresses.clock, &self.provider);
        let windows = self
            .call("reading the epoch's windows", clock.windowsOf(epoch), head)
            .await?;
        Ok(EpochWindows {
            starts_at: windows.startsAt,
            ends_at: windows.endsAt,
            submission_ends_at: windows.submissionEndsAt,
            reveal_ends_at: windows.revealEndsAt,
        })
    }

    /// Events of one kind of one contract in the blocks whose times are in `times.0 .. times.1`.
    async fn events_between<T: SolEvent>(
        &self,
        doing: &'static str,
        filter: Filter,
        times: (u64, u64),
        head: Head,
    ) -> Result<Vec<T>, ChainError> {
        let first = self.first_block_at(times.0, head).await?;
        let end = self.first_block_at(times.1, head).await?;
        if first >= end {
            return Ok(Vec::new());
        }
        let found = logs::all(&self.provider, &filter, first, end - 1, doing).await?;
        found.iter().map(decode).collect()
    }
}

fn event_filter<T: SolEvent>(address: Address) -> Filter {
    Filter::new().address(address).event_signature(T::SIGNATURE_HASH)
}

fn decode<T: SolEvent>(log: &Log) -> Result<T, ChainError> {
    let event = T::decode_log(&log.inner).map_err(|error| ChainError::Event(error.to_string()))?;
    Ok(event.data)
}

fn epoch_topic(epoch: u64) -> B256 {
    B256::left_padding_from(&epoch.to_be_bytes())
}

impl Chain for ChainClient {
    async fn head_secs(&self) -> Result<u64, ChainError> {
        Ok(self.head().await?.timestamp)
    }

    async fn now_secs(&self) -> Result<u64, ChainError> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let head_secs = self.head_secs().await?;
        Ok(clock.map_or(head_secs, |now| now.as_secs().max(head_secs)))
    }

    async fn facts(&self, epoch: u64) -> Result<EpochFacts, ChainError> {
        let head = self.head().await?;
        let beacon = EpochBeacon::new(self.addresses.beacon, &self.provider);
        let parameters = EconomyParameters::new(self.addresses.parameters, &self.provider);
        let tiers = CWETiers::new(self.addresses.tiers, &self.provider);
        let key = self.call("reading the epoch's key", beacon.keyOf(epoch), head).await?;
        let governed = self
            .call("reading the parameters", parameters.parametersOf(epoch), head)
            .await?;
        let mut allowances = BTreeMap::new();
        for tier in self.call("reading the tiers", tiers.tierIds(), head).await? {
            let terms = self.call("reading a tier", tiers.termsOf(tier, epoch), head).await?;
            allowances.insert(tier, terms.allowanceSecs.to());
        }
        Ok(EpochFacts {
            windows: self.windows(epoch, head).await?,
            key: (!key.is_zero()).then(|| key.into()),
            diminishing_ppm: governed.diminishingPpm,
            allowances,
        })
    }

    async fn subscriptions(&self, epoch: u64) -> Result<Subscriptions, ChainError> {
        const DOING: &str = "reading the subscriptions";
        let head = self.head().await?;
        let tiers = self.addresses.tiers;
        // Renewals are bought in the epoch before.
        let before = self.windows(epoch.saturating_sub(1).max(1), head).await?;
        let times = (before.starts_at, self.windows(epoch, head).await?.ends_at);
        let topic = epoch_topic(epoch);
        let filter = event_filter::<CWETiers::Subscribed>(tiers).topic1(topic);
        let bought = self.events_between(DOING, filter, times, head).await?;
        let filter = event_filter::<SubscriptionUpgraded>(tiers).topic1(topic);
        let upgraded = self.events_between(DOING, filter, times, head).await?;
        let tiers = CWETiers::new(tiers, &self.provider);
        let root = self.call(DOING, tiers.subscriptionRoot(epoch), head).await?;
        Subscriptions::new(epoch, leaves(&bought, &upgraded)?, root.into())
    }

    async fn submissions(&self, epoch: u64) -> Result<Submissions, ChainError> {
        const DOING: &str = "reading the submissions";
        let head = self.head().await?;
        let consumption = CWEConsumption::new(self.addresses.consumption, &self.provider);
        let windows = self.windows(epoch, head).await?;
        let times = (windows.ends_at, windows.submission_ends_at);
        let filter = event_filter::<CWEConsumption::ConsumptionSubmitted>(self.addresses.consumption);
        let filter = filter.topic1(epoch_topic(epoch));
        let events: Vec<CWEConsumption::ConsumptionSubmitted> = self.events_between(DOING, filter, times, head).await?;
        let root = self.call(DOING, consumption.noteRoot(epoch), head).await?;
        let leaves = events.into_iter().map(|event| Submitted {
            tier: event.tierId,
            nullifier: event.nullifier,
            notes_root: event.notesRoot,
        });
        Submissions::new(epoch, leaves.collect(), root.into())
    }

    async fn works(&self, epoch: u64) -> Result<WorkTable, ChainError> {
        let head = self.head().await?;
        let regions = RegionRules::new(self.addresses.regions, &self.provider);
        let rows = self
            .call("reading the region rules", regions.rowsOf(epoch), head)
            .await?;
        let factors: BTreeMap<B256, u32> = rows.into_iter().map(|row| (row.rule, row.factorPpm)).collect();
        let filter = event_filter::<WorkRegistry::TermsSet>(self.addresses.registry);
        let found = logs::all(&self.provider, &filter, 0, head.number, "reading the works' prices").await?;
        let events: Result<Vec<_>, _> = found.iter().map(decode).collect();
        terms_at(epoch, &events?, &factors)
    }
}

/// The tree's leaves from its events, each kind in the order of their blocks.
fn leaves(bought: &[CWETiers::Subscribed], upgraded: &[SubscriptionUpgraded]) -> Result<Vec<Subscription>, ChainError> {
    let mut leaves = Vec::with_capacity(bought.len());
    for event in bought {
        if event.index != U256::from(leaves.len()) {
            let due = leaves.len();
            return Err(ChainError::Event(format!(
                "subscription {} comes where {due} is due",
                event.index
            )));
        }
        leaves.push(Subscription {
            commitment: event.identityCommitment.into(),
            tier: event.tierId,
        });
    }
    // After all purchases: an upgrade's leaf is there by then, and of several upgrades the last one stays.
    for event in upgraded {
        let leaf = usize::try_from(event.index)
            .ok()
            .and_then(|index| leaves.get_mut(index));
        let leaf = leaf.ok_or_else(|| {
            ChainError::Event(format!("subscription {} is upgraded and was never bought", event.index))
        })?;
        leaf.tier = event.toTier;
    }
    Ok(leaves)
}

/// Terms of all works in an epoch, from their events in the order of their blocks. Of events for the same epoch the
/// last one holds.
fn terms_at(
    epoch: u64,
    events: &[WorkRegistry::TermsSet],
    factors: &BTreeMap<B256, u32>,
) -> Result<WorkTable, ChainError> {
    let mut works: BTreeMap<WorkId, (u64, WorkTerms)> = BTreeMap::new();
    for event in events.iter().filter(|event| event.fromEpoch <= epoch) {
        let work = WorkId::try_from(event.workId).map_err(|error| ChainError::Event(error.to_string()))?;
        let terms = WorkTerms {
            price: event.pricePerMin,
            region_ppm: factors.get(&event.regionRule).copied().unwrap_or_default(),
        };
        match works.entry(work) {
            Entry::Occupied(known) if event.fromEpoch < known.get().0 => {}
            Entry::Occupied(mut known) => {
                known.insert((event.fromEpoch, terms));
            }
            Entry::Vacant(free) => {
                free.insert((event.fromEpoch, terms));
            }
        }
    }
    Ok(works.into_iter().map(|(work, (_, terms))| (work, terms)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(index: u64, commitment: u64) -> CWETiers::Subscribed {
        CWETiers::Subscribed {
            epoch: 1,
            tierId: B256::with_last_byte(1),
            identityCommitment: U256::from(commitment),
            index: U256::from(index),
            leaf: U256::ZERO,
            payer: Address::ZERO,
            fee: U256::ZERO,
        }
    }

    fn upgraded(index: u64, to: u8) -> SubscriptionUpgraded {
        SubscriptionUpgraded {
            epoch: 1,
            toTier: B256::with_last_byte(to),
            identityCommitment: U256::ZERO,
            fromTier: B256::ZERO,
            index: U256::from(index),
            leaf: U256::ZERO,
            payer: Address::ZERO,
            paid: U256::ZERO,
        }
    }

    fn terms(work: u8, from_epoch: u64, price: u64) -> WorkRegistry::TermsSet {
        WorkRegistry::TermsSet {
            workId: B256::with_last_byte(work),
            fromEpoch: from_epoch,
            pricePerMin: price,
            regionRule: B256::with_last_byte(1),
        }
    }

    #[test]
    fn an_upgrade_replaces_the_leafs_tier_and_the_last_one_stays() {
        let leaves = leaves(&[bought(0, 5), bought(1, 6)], &[upgraded(1, 2), upgraded(1, 3)]).unwrap();
        assert_eq!(leaves[0].tier, B256::with_last_byte(1));
        assert_eq!(leaves[1].tier, B256::with_last_byte(3));
        assert_eq!(leaves[1].commitment, B256::with_last_byte(6));
    }

    #[test]
    fn events_that_leave_something_out_are_refused() {
        assert!(matches!(leaves(&[bought(1, 5)], &[]), Err(ChainError::Event(_))));
        assert!(matches!(
            leaves(&[bought(0, 5)], &[upgraded(1, 2)]),
            Err(ChainError::Event(_))
        ));
    }

    #[test]
    fn terms_are_those_that_hold_in_the_epoch() {
        let factors = [(B256::with_last_byte(1), 500_000)].into();
        let events = [
            terms(1, 1, 10),
            terms(1, 4, 40),
            terms(2, 9, 90),
            terms(3, 1, 5),
            terms(3, 1, 6),
        ];
        let price = |epoch, work| {
            let table = terms_at(epoch, &events, &factors).unwrap();
            let work = WorkId::try_from(B256::with_last_byte(work)).unwrap();
            table.get(&work).map(|terms| (terms.price, terms.region_ppm))
        };
        assert_eq!(price(3, 1), Some((10, 500_000)));
        assert_eq!(price(4, 1), Some((40, 500_000)));
        assert_eq!(price(4, 2), None);
        assert_eq!(price(1, 3), Some((6, 500_000)));
    }
}
