//! Settles an epoch of 10⁵ works and 10⁶ units, with the half-life on and money carried in, as the guest does it: from
//! the encoded input to the public value. Prints seconds and peak memory, and at last one line of JSON.

use std::{collections::BTreeSet, error::Error, hint::black_box, time::Instant};

use alloy_primitives::{B256, U256, keccak256};
use cwe_dapr::{
    CarriedEntry, PPM, Parameters, RegionFactor, RegistryError, RegistryOpening, SettlementData, SettlementInputs,
    SettlementProofInput, Tier, TotalsEntry, WorkRecord, carried_root, public_value, settle, totals_root,
};

const WORKS: u64 = 100_000;
const TIERS: u8 = 3;
/// Units of a work, together: 10⁶ of all works.
const UNITS_OF_A_WORK: u64 = 10;
/// One work in so many brings something along from the epoch before.
const CARRIED_ONE_IN: u64 = 10;
/// The best of so many is reported: the rest had to wait for something.
const RUNS: u32 = 5;
const CLN: u128 = 1_000_000_000_000_000_000;
const CHAIN_ID: u64 = 51_337;
const ENDS_AT: u64 = 1_800_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let encoded = input()?.encode();
    println!("input {:.1} MB", encoded.len() as f64 / 1e6);
    let mut best_secs = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        let input = SettlementProofInput::decode(&encoded)?;
        let decoded_secs = started.elapsed().as_secs_f64();
        let settled = settle(&input.inputs, &input.data)?;
        black_box(public_value(input.chain_id, &input.inputs, &settled.settlement));
        let secs = started.elapsed().as_secs_f64();
        best_secs = best_secs.min(secs);
        println!(
            "{secs:.3} s, of which decoding {decoded_secs:.3} s: {} totals, {} payouts, {} carried on",
            input.data.totals().len(),
            settled.payouts.len(),
            settled.carried.len()
        );
    }
    let peak_mib = peak_memory_mib().map_or_else(|| "null".into(), |mib| format!("{mib:.0}"));
    println!("best {best_secs:.3} s, peak memory {peak_mib} MiB");
    println!("{{\"settle_100k_works_s\":{best_secs:.4},\"settle_peak_memory_mib\":{peak_mib}}}");
    Ok(())
}

fn input() -> Result<SettlementProofInput, Box<dyn Error>> {
    let works: Vec<_> = (0..WORKS).map(work).collect();
    let totals: Vec<_> = (0..)
        .zip(&works)
        .flat_map(|(number, work)| totals(number, *work))
        .collect();
    let carried: Vec<_> = (0..)
        .zip(&works)
        .filter(|(number, _)| number % CARRIED_ONE_IN == 0)
        .map(|(number, work)| CarriedEntry {
            work: *work,
            tier: tier_id(1),
            reveals: 1 + number % 3,
            amount: CLN / 100,
        })
        .collect();
    let records: Vec<_> = (0..)
        .zip(&works)
        .map(|(number, work)| WorkRecord {
            work: *work,
            registered_at: ENDS_AT - 7_000 * number,
            ..WorkRecord::default()
        })
        .collect();
    let regions = [RegionFactor {
        rule: B256::right_padding_from(b"world"),
        factor_ppm: 1_000_000,
    }];
    let wanted: BTreeSet<_> = works.iter().copied().collect();
    let opening = RegistryOpening::new(&records, &regions, &wanted);
    let Err(RegistryError::Commitment { computed, .. }) = opening.verify(B256::ZERO) else {
        return Err("the opening has no commitment".into());
    };
    let data = SettlementData::new(totals, carried, Some(opening))?;
    Ok(SettlementProofInput {
        chain_id: CHAIN_ID,
        inputs: inputs(&data, computed),
        data,
    })
}

fn inputs(data: &SettlementData, registry_commitment: B256) -> SettlementInputs {
    let subscriptions = U256::from(WORKS * UNITS_OF_A_WORK / 100);
    let tiers: Vec<_> = (1..=TIERS)
        .map(|number| Tier {
            id: tier_id(number),
            fee: U256::from(CLN) * U256::from(number),
            revenue: U256::from(CLN) * U256::from(number) * subscriptions,
        })
        .collect();
    let fees: U256 = tiers.iter().map(|tier| tier.revenue).sum();
    let parameters = Parameters {
        eco_ppm: 50_000,
        infra_ppm: 100_000,
        diminishing_ppm: 1_000_000,
        min_reveals: 3,
        half_life: true,
    };
    let share = |ppm: u32| fees * U256::from(ppm) / U256::from(PPM);
    SettlementInputs {
        epoch: 1,
        ends_at: ENDS_AT,
        totals_root: totals_root(data.totals()),
        registry_commitment,
        parameters,
        tiers,
        carried_root_in: carried_root(data.carried()),
        carried_in: data.carried().iter().map(|entry| U256::from(entry.amount)).sum(),
        unclaimed_in: U256::from(123 * CLN),
        eco: share(parameters.eco_ppm),
        infra: share(parameters.infra_ppm),
    }
}

/// Ids look random, as the wallets draw them.
fn work(number: u64) -> B256 {
    let mut id = keccak256(number.to_be_bytes());
    id[0] = 0;
    id
}

fn tier_id(number: u8) -> B256 {
    B256::with_last_byte(number)
}

/// A work's units in one, two or three tiers.
fn totals(number: u64, work: B256) -> Vec<TotalsEntry> {
    let split = match number % 3 {
        0 => vec![UNITS_OF_A_WORK],
        1 => vec![4, UNITS_OF_A_WORK - 4],
        _ => vec![2, 3, UNITS_OF_A_WORK - 5],
    };
    (1..=TIERS)
        .zip(split)
        .map(|(tier, units)| TotalsEntry {
            work,
            tier: tier_id(tier),
            units,
            reveals: units,
        })
        .collect()
}

/// The most memory that this process ever had, where the system tells.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
