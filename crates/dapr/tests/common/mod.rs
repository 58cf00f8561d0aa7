//! Epochs to settle: lists, the inputs that commit to them, and what links one epoch to the next.
#![allow(dead_code, reason = "every test program uses a part")]

use std::collections::BTreeSet;

use alloy_primitives::{B256, U256};
use cwe_dapr::{
    CarriedEntry, EMPTY_ROOT_HASH, PPM, Parameters, RegionFactor, RegistryError, RegistryOpening, SettlementData,
    SettlementInputs, Tier, TotalsEntry, WorkRecord, carried_root, totals_root,
};

/// Parts of the fees that go to the protocol in these tests: 5 % and 10 %.
pub(crate) const PARAMETERS: Parameters = Parameters {
    eco_ppm: 50_000,
    infra_ppm: 100_000,
    diminishing_ppm: 1_000_000,
    min_reveals: 3,
    half_life: false,
};

pub(crate) fn work(number: u64) -> B256 {
    U256::from(number).into()
}

pub(crate) fn tier(number: u8) -> B256 {
    B256::with_last_byte(number)
}

pub(crate) fn total(work_number: u64, tier_number: u8, units: u64, reveals: u64) -> TotalsEntry {
    TotalsEntry {
        work: work(work_number),
        tier: tier(tier_number),
        units,
        reveals,
    }
}

pub(crate) fn carried(work_number: u64, tier_number: u8, reveals: u64, amount: u128) -> CarriedEntry {
    CarriedEntry {
        work: work(work_number),
        tier: tier(tier_number),
        reveals,
        amount,
    }
}

/// An epoch with two tiers, at 1000 and 3000 wei, of which so many subscriptions were bought.
pub(crate) fn inputs(parameters: Parameters, subscriptions: [u64; 2], data: &SettlementData) -> SettlementInputs {
    let tier = |number: u8, fee: u64, subscriptions: u64| Tier {
        id: tier(number),
        fee: U256::from(fee),
        revenue: U256::from(fee) * U256::from(subscriptions),
    };
    let tiers = vec![tier(1, 1_000, subscriptions[0]), tier(2, 3_000, subscriptions[1])];
    with_tiers(parameters, tiers, data)
}

/// Inputs that commit to `data`, with the protocol's shares of the revenue.
pub(crate) fn with_tiers(parameters: Parameters, tiers: Vec<Tier>, data: &SettlementData) -> SettlementInputs {
    let fees: U256 = tiers.iter().map(|tier| tier.revenue).sum();
    let share = |ppm: u32| fees * U256::from(ppm) / U256::from(PPM);
    SettlementInputs {
        epoch: 1,
        ends_at: 1_800_000_000,
        totals_root: totals_root(data.totals()),
        registry_commitment: B256::ZERO,
        parameters,
        tiers,
        carried_root_in: carried_root(data.carried()),
        carried_in: data.carried().iter().map(|entry| U256::from(entry.amount)).sum(),
        unclaimed_in: U256::ZERO,
        eco: share(parameters.eco_ppm),
        infra: share(parameters.infra_ppm),
    }
}

pub(crate) fn data(totals: &[TotalsEntry], carried: &[CarriedEntry]) -> SettlementData {
    SettlementData::new(totals.to_vec(), carried.to_vec(), None).unwrap()
}

/// All that flows into an epoch.
pub(crate) fn inflow(inputs: &SettlementInputs) -> U256 {
    let fees: U256 = inputs.tiers.iter().map(|tier| tier.revenue).sum();
    fees + inputs.carried_in + inputs.unclaimed_in
}

/// A registry of works with their times of registration, and an opening of all of them.
pub(crate) fn registry(works: &[(B256, u64)]) -> (RegistryOpening, B256) {
    let records: Vec<_> = works
        .iter()
        .map(|(work, registered_at)| WorkRecord {
            work: *work,
            registered_at: *registered_at,
            ..WorkRecord::default()
        })
        .collect();
    let regions = [RegionFactor {
        rule: B256::right_padding_from(b"world"),
        factor_ppm: 1_000_000,
    }];
    let wanted: BTreeSet<_> = works.iter().map(|(work, _)| *work).collect();
    let opening = RegistryOpening::new(&records, &regions, &wanted);
    let commitment = match opening.verify(B256::ZERO) {
        Err(RegistryError::Commitment { computed, .. }) => computed,
        other => panic!("{other:?}"),
    };
    (opening, commitment)
}

pub(crate) const EMPTY: B256 = EMPTY_ROOT_HASH;
