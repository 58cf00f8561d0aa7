//! What holds for every epoch.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at anything unexpected"
)]

mod common;

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};
use common::*;
use cwe_dapr::{CarriedEntry, Parameters, Settled, SettlementData, SettlementInputs, Tier, TotalsEntry, settle};
use proptest::prelude::*;

/// Epochs of one chain, each of which hands on to the next.
const EPOCHS: usize = 25;
/// Chains: 10⁴ epochs.
const CHAINS: u32 = 400;

/// What listeners and governance make of an epoch.
#[derive(Debug, Clone)]
struct Epoch {
    parameters: Parameters,
    /// By tier: fee in wei, and subscriptions that reveal nothing.
    tiers: Vec<(u128, u64)>,
    /// Work, tier, units, reveals.
    reveals: Vec<(u64, u8, u64, u64)>,
    /// Seconds by which works are older than the epoch's end.
    ages: Vec<u64>,
}

const WORKS: u8 = 12;
const TIERS: u8 = 3;

fn parameters() -> impl Strategy<Value = Parameters> {
    let shares = (0..=1_000_000_u32).prop_flat_map(|eco| (Just(eco), 0..=1_000_000 - eco));
    (shares, 0..6_u32, any::<bool>()).prop_map(|((eco_ppm, infra_ppm), min_reveals, half_life)| Parameters {
        eco_ppm,
        infra_ppm,
        diminishing_ppm: 1_000_000,
        min_reveals,
        half_life,
    })
}

fn epoch() -> impl Strategy<Value = Epoch> {
    let fee = prop_oneof![0..100_u128, 1..1_000_000_000_000_000_000_000_u128];
    (
        parameters(),
        prop::collection::vec((fee, 0..4_u64), usize::from(TIERS)),
        prop::collection::vec((1..=u64::from(WORKS), 1..=TIERS, 1..3_000_u64, 1..5_u64), 0..16),
        prop::collection::vec(0..2_000_000_000_u64, usize::from(WORKS)),
    )
        .prop_map(|(parameters, tiers, reveals, ages)| Epoch {
            parameters,
            tiers,
            reveals,
            ages,
        })
}

/// What an epoch hands on.
#[derive(Debug, Clone)]
struct State {
    carried: Vec<CarriedEntry>,
    carried_root: B256,
    unclaimed: U256,
}

impl Default for State {
    fn default() -> Self {
        Self {
            carried: Vec::new(),
            carried_root: EMPTY,
            unclaimed: U256::ZERO,
        }
    }
}

fn totals(epoch: &Epoch) -> Vec<TotalsEntry> {
    let mut sums: BTreeMap<(u64, u8), (u64, u64)> = BTreeMap::new();
    for (work, tier, units, reveals) in &epoch.reveals {
        let sum = sums.entry((*work, *tier)).or_default();
        sum.0 += units;
        sum.1 += reveals;
    }
    sums.into_iter()
        .map(|((work, tier), (units, reveals))| total(work, tier, units, reveals))
        .collect()
}

/// The epoch as the contract would put it, with as many subscriptions as its units need.
fn prepare(epoch: &Epoch, state: &State) -> (SettlementInputs, SettlementData) {
    let totals = totals(epoch);
    let tiers: Vec<_> = (1..=TIERS)
        .zip(&epoch.tiers)
        .map(|(number, (fee, silent))| {
            let units: u64 = totals
                .iter()
                .filter(|entry| entry.tier == tier(number))
                .map(|entry| entry.units)
                .sum();
            let subscriptions = units.div_ceil(100) + silent;
            Tier {
                id: tier(number),
                fee: U256::from(*fee),
                revenue: U256::from(*fee) * U256::from(subscriptions),
            }
        })
        .collect();
    let ends_at = 3_000_000_000;
    let works: Vec<_> = (1..)
        .zip(&epoch.ages)
        .map(|(number, age)| (work(number), ends_at - age))
        .collect();
    let (opening, commitment) = registry(&works);
    let opening = (epoch.parameters.half_life && !totals.is_empty()).then_some(opening);
    let data = SettlementData::new(totals, state.carried.clone(), opening).unwrap();
    let mut inputs = with_tiers(epoch.parameters, tiers, &data);
    inputs.ends_at = ends_at;
    inputs.registry_commitment = commitment;
    inputs.carried_root_in = state.carried_root;
    inputs.unclaimed_in = state.unclaimed;
    (inputs, data)
}

fn check_conserved(inputs: &SettlementInputs, settled: &Settled) -> Result<(), TestCaseError> {
    let parts = &settled.settlement;
    let outflow = inputs.eco + inputs.infra + parts.creators + parts.carried + parts.unclaimed;
    prop_assert_eq!(outflow, inflow(inputs));
    let listed: U256 = settled.payouts.iter().map(|payout| U256::from(payout.amount)).sum();
    prop_assert_eq!(listed, parts.creators);
    let held: U256 = settled.carried.iter().map(|entry| U256::from(entry.amount)).sum();
    prop_assert_eq!(held, parts.carried);
    prop_assert!(settled.payouts.is_sorted_by(|a, b| a.work < b.work));
    prop_assert!(settled.payouts.iter().all(|payout| payout.amount > 0));
    let min_reveals = u64::from(inputs.parameters.min_reveals);
    prop_assert!(settled.carried.iter().all(|entry| entry.reveals < min_reveals));
    Ok(())
}

/// All that a work has after an epoch: paid or carried on.
fn holdings(settled: &Settled, work: B256) -> u128 {
    let listed = settled
        .payouts
        .iter()
        .filter(|payout| payout.work == work)
        .map(|payout| payout.amount);
    let held = settled
        .carried
        .iter()
        .filter(|entry| entry.work == work)
        .map(|entry| entry.amount);
    listed.chain(held).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CHAINS))]

    #[test]
    fn every_wei_of_every_epoch_goes_somewhere(epochs in prop::collection::vec(epoch(), EPOCHS)) {
        let mut state = State::default();
        let (mut taken, mut gone) = (U256::ZERO, U256::ZERO);
        for epoch in &epochs {
            let (inputs, data) = prepare(epoch, &state);
            let settled = settle(&inputs, &data).unwrap();
            check_conserved(&inputs, &settled)?;
            taken += inputs.tiers.iter().map(|tier| tier.revenue).sum::<U256>();
            gone += inputs.eco + inputs.infra + settled.settlement.creators;
            state = State {
                carried: settled.carried,
                carried_root: settled.settlement.carried_root,
                unclaimed: settled.settlement.unclaimed,
            };
        }
        let left: U256 = state.carried.iter().map(|entry| U256::from(entry.amount)).sum();
        prop_assert_eq!(taken, gone + left + state.unclaimed);
    }
}

proptest! {
    /// More units for a work in a tier, all else (reveals, revenue, other works) as before: what it gets of that tier
    /// never falls; of all tiers together, paid and carried on, at most by a wei for every other tier, by which the
    /// bonus of that one may round down further. Without unclaimed money it never falls at all.
    #[test]
    fn more_units_never_get_a_work_less(
        epoch in epoch(), unclaimed in 0..u128::from(u64::MAX), chosen: prop::sample::Index, more in 1..500_u64,
    ) {
        prop_assume!(!epoch.reveals.is_empty());
        let mut state = State { unclaimed: U256::from(unclaimed), ..State::default() };
        // Subscriptions that pay for the units that come later.
        let mut epoch = epoch;
        epoch.tiers.iter_mut().for_each(|(_, silent)| *silent += 6);
        let chosen = chosen.index(epoch.reveals.len());
        let work = work(epoch.reveals[chosen].0);
        let mut bigger = epoch.clone();
        bigger.reveals[chosen].2 += more;
        for slack in [u128::from(TIERS) - 1, 0] {
            let settled = |epoch: &Epoch, state: &State| {
                let (mut inputs, data) = prepare(epoch, state);
                // The same revenue in both.
                let (reference, _) = prepare(&bigger, state);
                inputs.tiers = reference.tiers;
                (inputs.eco, inputs.infra) = (reference.eco, reference.infra);
                settle(&inputs, &data).unwrap()
            };
            let (before, after) = (settled(&epoch, &state), settled(&bigger, &state));
            prop_assert!(holdings(&after, work) + slack >= holdings(&before, work));
            state.unclaimed = U256::ZERO;
        }
    }

    /// One reveal more, with the same units: nobody has less, paid or carried on, but for the bonus, which goes to those
    /// who are listed.
    #[test]
    fn a_reveal_more_never_takes_a_works_money(epoch in epoch(), chosen: prop::sample::Index) {
        prop_assume!(!epoch.reveals.is_empty());
        let chosen = chosen.index(epoch.reveals.len());
        let mut seen = epoch.clone();
        seen.reveals[chosen].3 += 1;
        let settled = |epoch: &Epoch| {
            let (inputs, data) = prepare(epoch, &State::default());
            settle(&inputs, &data).unwrap()
        };
        let (before, after) = (settled(&epoch), settled(&seen));
        for number in 1..=u64::from(WORKS) {
            prop_assert_eq!(holdings(&after, work(number)), holdings(&before, work(number)));
        }
        prop_assert!(after.settlement.creators >= before.settlement.creators);
    }

    #[test]
    fn the_order_in_which_entries_come_is_of_no_matter(epoch in epoch(), seed: u64) {
        let (inputs, data) = prepare(&epoch, &State::default());
        let mut shuffled = data.totals().to_vec();
        shuffled.sort_by_key(|entry| alloy_primitives::keccak256([entry.work.as_slice(), entry.tier.as_slice(), &seed.to_be_bytes()].concat()));
        let again = SettlementData::new(shuffled, data.carried().to_vec(), data.registry().cloned()).unwrap();
        prop_assert_eq!(settle(&inputs, &again), settle(&inputs, &data));
    }
}
