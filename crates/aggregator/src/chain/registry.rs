//! The works of an epoch from their events, compared with the chain's commitment to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use cwe_aggregation::{RegionRule, Registry, Terms, WorkTerms};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{RegionRules, WorkRegistry},
};
use cwe_dapr::{RegionFactor, RegistryOpening, WorkRecord};
use cwe_wallet::chain::logs;

use super::{ChainFailure, node};

const DOING: &str = "reading the works";

/// A work's registration.
#[derive(Debug, Clone, Copy)]
struct Registered {
    work: B256,
    at: u64,
}

/// The registry of an epoch that is over.
pub(super) async fn read(
    provider: &DynProvider,
    addresses: &EconomyAddresses,
    epoch: u64,
) -> Result<Registry, ChainFailure> {
    let (leaves, rules) = works(provider, addresses, epoch).await?;
    let contract = WorkRegistry::new(addresses.registry, provider);
    let committed = contract.registryCommitment(epoch).call().await;
    let committed = committed.map_err(failure)?;
    let registry = tokio::task::spawn_blocking(move || Registry::new(leaves, rules));
    let registry = registry.await.map_err(|_| ChainFailure::Nonsense(DOING))?;
    let registry = registry.map_err(|_| ChainFailure::Nonsense(DOING))?;
    if registry.commitment() == committed {
        Ok(registry)
    } else {
        Err(ChainFailure::Registry(epoch))
    }
}

/// Registrations of some works of an epoch, opened; whoever uses them checks them against the commitment.
pub(super) async fn open(
    provider: &DynProvider,
    addresses: &EconomyAddresses,
    epoch: u64,
    wanted: &BTreeSet<B256>,
) -> Result<RegistryOpening, ChainFailure> {
    let (leaves, rules) = works(provider, addresses, epoch).await?;
    let record = |leaf: WorkTerms| WorkRecord {
        work: leaf.work,
        registered_at: leaf.registered_at,
        from_epoch: leaf.from_epoch,
        price_per_min: leaf.terms.price_per_min,
        region_rule: leaf.terms.region_rule,
        previous_price_per_min: leaf.previous.price_per_min,
        previous_region_rule: leaf.previous.region_rule,
    };
    let records: Vec<_> = leaves.into_iter().map(record).collect();
    let regions = rules.into_iter().map(|row| RegionFactor {
        rule: row.rule,
        factor_ppm: row.factor_ppm,
    });
    let (regions, wanted): (Vec<_>, _) = (regions.collect(), wanted.clone());
    let opened = tokio::task::spawn_blocking(move || RegistryOpening::new(&records, &regions, &wanted));
    opened.await.map_err(|_| ChainFailure::Nonsense(DOING))
}

/// All works of an epoch in the order of their registration, and its table of region rules.
async fn works(
    provider: &DynProvider,
    addresses: &EconomyAddresses,
    epoch: u64,
) -> Result<(Vec<WorkTerms>, Vec<RegionRule>), ChainFailure> {
    let rows = RegionRules::new(addresses.regions, provider).rowsOf(epoch).call().await;
    let rules = rows.map_err(failure)?.into_iter().map(|row| RegionRule {
        rule: row.rule,
        factor_ppm: row.factorPpm,
    });
    let head = provider.get_block_number().await.map_err(|error| node(DOING, &error))?;
    let filter = |signature| Filter::new().address(addresses.registry).event_signature(signature);
    let registered = logs::all(
        provider,
        &filter(WorkRegistry::WorkRegistered::SIGNATURE_HASH),
        0,
        head,
        DOING,
    )
    .await?;
    let registered = registrations(provider, &registered).await?;
    let terms = logs::all(
        provider,
        &filter(WorkRegistry::TermsSet::SIGNATURE_HASH),
        0,
        head,
        DOING,
    )
    .await?;
    let terms: Vec<_> = terms
        .iter()
        .map(decode::<WorkRegistry::TermsSet>)
        .collect::<Result<_, _>>()?;
    Ok((leaves(epoch, &registered, &terms), rules.collect()))
}

fn failure(error: alloy::contract::Error) -> ChainFailure {
    match error {
        alloy::contract::Error::TransportError(error) => node(DOING, &error),
        _ => ChainFailure::Nonsense(DOING),
    }
}

fn decode<T: SolEvent>(log: &Log) -> Result<T, ChainFailure> {
    let event = T::decode_log(&log.inner).map_err(|_| ChainFailure::Nonsense(DOING))?;
    Ok(event.data)
}

/// In their order, with the times of their blocks, which not every node puts into its logs.
async fn registrations(provider: &DynProvider, found: &[Log]) -> Result<Vec<Registered>, ChainFailure> {
    let mut times: HashMap<u64, u64> = HashMap::new();
    let mut all = Vec::with_capacity(found.len());
    for log in found {
        let event: WorkRegistry::WorkRegistered = decode(log)?;
        if event.index as usize != all.len() {
            return Err(ChainFailure::Nonsense(DOING));
        }
        let block = log.block_number.ok_or(ChainFailure::Nonsense(DOING))?;
        let at = match log.block_timestamp.or_else(|| times.get(&block).copied()) {
            Some(at) => at,
            None => {
                let header = provider.get_block_by_number(block.into()).await;
                let header = header.map_err(|error| node(DOING, &error))?;
                header.ok_or(ChainFailure::Nonsense(DOING))?.header.timestamp
            }
        };
        times.insert(block, at);
        all.push(Registered { work: event.workId, at });
    }
    Ok(all)
}

/// The tree's leaves at the end of an epoch. A work's first terms hold from the epoch of its registration on, later ones
/// from the one after they were set; of those for one epoch the last ones stay.
fn leaves(epoch: u64, registered: &[Registered], events: &[WorkRegistry::TermsSet]) -> Vec<WorkTerms> {
    let mut histories: HashMap<B256, BTreeMap<u64, Terms>> = HashMap::new();
    for event in events {
        let terms = Terms {
            price_per_min: event.pricePerMin,
            region_rule: event.regionRule,
        };
        histories
            .entry(event.workId)
            .or_default()
            .insert(event.fromEpoch, terms);
    }
    let leaf = |registered: &Registered| {
        let history = histories.get(&registered.work)?;
        // Registered after the epoch, and so was everything behind it.
        history.keys().next().filter(|first| **first <= epoch)?;
        let mut known = history.range(..=epoch.saturating_add(1)).rev();
        let (from_epoch, terms) = known.next()?;
        let previous = known.next().map_or(terms, |(_, previous)| previous);
        Some(WorkTerms {
            work: registered.work,
            registered_at: registered.at,
            from_epoch: *from_epoch,
            terms: *terms,
            previous: *previous,
        })
    };
    registered.iter().map_while(leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(work: u8, from_epoch: u64, price: u64) -> WorkRegistry::TermsSet {
        WorkRegistry::TermsSet {
            workId: B256::with_last_byte(work),
            fromEpoch: from_epoch,
            pricePerMin: price,
            regionRule: B256::with_last_byte(1),
        }
    }

    fn registered(work: u8) -> Registered {
        Registered {
            work: B256::with_last_byte(work),
            at: work.into(),
        }
    }

    #[test]
    fn leaves_are_those_of_the_end_of_the_epoch() {
        // The first work's price changes in epoch 3, twice, and in epoch 4; the second comes in epoch 4.
        let events = [set(1, 2, 10), set(1, 4, 20), set(1, 4, 30), set(2, 4, 5), set(1, 5, 40)];
        let works = [registered(1), registered(2)];
        let at = |epoch| -> Vec<_> {
            leaves(epoch, &works, &events)
                .into_iter()
                .map(|leaf| (leaf.from_epoch, leaf.terms.price_per_min, leaf.previous.price_per_min))
                .collect()
        };
        assert_eq!(at(1), []);
        assert_eq!(at(2), [(2, 10, 10)]);
        assert_eq!(at(3), [(4, 30, 10)]);
        assert_eq!(at(4), [(5, 40, 30), (4, 5, 5)]);
        assert_eq!(at(9), [(5, 40, 30), (4, 5, 5)]);
    }
}
