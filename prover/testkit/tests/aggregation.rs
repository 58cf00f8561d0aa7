//! What an aggregation proof shows, natively: honest reveals are counted, and nothing else is.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails where it panics"
)]

use std::sync::OnceLock;

use alloy::sol_types::SolValue;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cwe_aggregation::{
    AggregationError, AggregationInput, EpochState, Record, Roots, Total, aggregate, aggregate_input,
};
use cwe_halo2_verifier::{Accumulator, G2Point, NativeCurve};
use cwe_prover_testkit::Epoch;
use cwe_trie::EMPTY_ROOT_HASH;

struct World {
    epoch: Epoch,
    records: Vec<Record>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let epoch = Epoch::new(2, 7).unwrap();
        let records = epoch.reveal(0..6).unwrap();
        World { epoch, records }
    })
}

fn input(count: usize) -> AggregationInput {
    let World { epoch, records } = world();
    epoch.input(&EpochState::new(), &records[..count]).unwrap()
}

fn refused(change: impl FnOnce(&mut AggregationInput)) -> AggregationError {
    let mut input = input(3);
    change(&mut input);
    aggregate::<NativeCurve>(&input).unwrap_err()
}

/// Whether the pairing that the contract checks holds.
fn holds(input: &AggregationInput) -> bool {
    let shown = aggregate::<NativeCurve>(input).unwrap();
    let accumulator = Accumulator::from_words(&shown.accumulator).unwrap();
    accumulator.check(&G2Point::from_words(&world().epoch.s_g2).unwrap())
}

#[test]
fn honest_reveals_are_counted_and_their_pairing_holds() {
    let World { epoch, records } = world();
    let input = input(6);
    let shown = aggregate::<NativeCurve>(&input).unwrap();
    assert_eq!(shown.aggregate.before, Roots::default());
    assert_eq!(shown.aggregate.reveals, 6);
    let units = |tier| {
        records
            .iter()
            .filter(|record| record.tier == tier)
            .map(|record| u64::from(record.units))
            .sum()
    };
    assert_eq!(
        shown.aggregate.units,
        epoch.context.tiers.iter().copied().map(units).collect::<Vec<u64>>()
    );
    let mut state = EpochState::new();
    state.apply(records).unwrap();
    assert_eq!(shown.aggregate.after, state.roots());
    assert!(holds(&input));
    assert_eq!(aggregate_input::<NativeCurve>(&input.encode()), Ok(shown.public_value));
}

#[test]
fn aggregates_build_on_one_another() {
    let World { epoch, records } = world();
    let mut state = EpochState::new();
    for part in records.chunks(2) {
        let input = epoch.input(&state, part).unwrap();
        let shown = aggregate::<NativeCurve>(&input).unwrap();
        assert_eq!(shown.aggregate.before, state.roots());
        state.apply(part).unwrap();
        assert_eq!(shown.aggregate.after, state.roots());
        assert!(holds(&input));
    }
    let mut whole = EpochState::new();
    whole.apply(records).unwrap();
    assert_eq!(whole.roots(), state.roots());
    let parts = EpochState::from_parts(state.nullifiers(), state.totals().clone());
    assert_eq!(parts, whole);
}

#[test]
fn the_public_value_is_soliditys() {
    alloy::sol! {
        struct Aggregate {
            bytes32 nullifierRootBefore;
            bytes32 nullifierRootAfter;
            bytes32 totalsRootBefore;
            bytes32 totalsRootAfter;
            uint64 reveals;
            uint64[] units;
        }
    }
    let input = input(3);
    let shown = aggregate::<NativeCurve>(&input).unwrap();
    let (context, effect) = (&input.context, &shown.aggregate);
    let encoded = (
        U256::from(context.chain_id),
        context.epoch,
        context.epoch_key,
        context.note_root,
        context.registry_commitment,
        context.tiers.clone(),
        Aggregate {
            nullifierRootBefore: effect.before.nullifiers,
            nullifierRootAfter: effect.after.nullifiers,
            totalsRootBefore: effect.before.totals,
            totalsRootAfter: effect.after.totals,
            reveals: effect.reveals,
            units: effect.units.clone(),
        },
        input.coordinator,
    )
        .abi_encode_params();
    assert_eq!(shown.value, keccak256(encoded));
    assert_eq!(shown.key_hash, keccak256(&input.verifying_key));
    let [a, b, c, d] = shown.accumulator.map(B256::from);
    let encoded = (shown.value, shown.key_hash, a, b, c, d).abi_encode_params();
    assert_eq!(shown.public_value, keccak256(encoded));
}

#[test]
fn a_note_counts_once() {
    let World { epoch, records } = world();
    let nullifier = records[0].nullifier;
    let twice = refused(|input| input.reveals[1] = input.reveals[0].clone());
    assert_eq!(twice, AggregationError::NullifierUsed { reveal: 1, nullifier });

    let mut state = EpochState::new();
    state.apply(&records[..2]).unwrap();
    assert!(state.apply(&records[1..3]).is_err() && !state.contains(records[2].nullifier));
    let mut input = epoch.input(&state, &records[2..4]).unwrap();
    // The witness shows the way to the old note's place too: it is next to the root in a trie this small.
    input.reveals[0] = epoch.input(&EpochState::new(), &records[..1]).unwrap().reveals[0].clone();
    let error = aggregate::<NativeCurve>(&input).unwrap_err();
    assert!(matches!(
        error,
        AggregationError::NullifierUsed { reveal: 0, .. } | AggregationError::Trie(_)
    ));
}

#[test]
fn a_reveal_says_what_its_proof_says() {
    let changes: [fn(&mut AggregationInput); 6] = [
        |input| input.reveals[0].units ^= 1,
        |input| input.reveals[0].tier ^= 1,
        |input| input.reveals[0].work = (input.reveals[0].work + 1) % input.registry.works.len() as u32,
        |input| input.reveals[0].nullifier.0[31] ^= 1,
        |input| input.context.epoch_key.0[31] ^= 1,
        |input| input.context.note_root.0[31] ^= 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut input = input(3);
        change(&mut input);
        assert!(!holds(&input), "change {index}");
    }
}

#[test]
fn prices_are_the_registrys() {
    let wrong = refused(|input| input.registry.works[0].leaf.terms.price_per_min += 1);
    assert!(matches!(wrong, AggregationError::WorkNotInRegistry { .. }));
    let wrong = refused(|input| input.registry.works[0].index ^= 1);
    assert!(matches!(wrong, AggregationError::WorkNotInRegistry { .. }));
    let wrong = refused(|input| {
        input.registry.works[0].path.pop();
    });
    assert!(matches!(wrong, AggregationError::WorkNotInRegistry { .. }));
    // A place beyond the tree would be a second name of one within.
    let wrong = refused(|input| input.registry.works[0].index += 1 << 24);
    assert!(matches!(wrong, AggregationError::WorkNotInRegistry { .. }));
    let wrong = refused(|input| input.registry.rules[0].factor_ppm += 1);
    assert!(matches!(wrong, AggregationError::Registry { .. }));
    let wrong = refused(|input| input.context.registry_commitment.0[0] ^= 1);
    assert!(matches!(wrong, AggregationError::Registry { .. }));
    // The epoch decides which of two prices holds.
    let mut next = input(6);
    next.context.epoch += 1;
    assert!(!holds(&next));
}

#[test]
fn units_are_one_to_a_hundred() {
    for units in [0, 101, 255] {
        let error = refused(|input| input.reveals[2].units = units);
        assert_eq!(error, AggregationError::Units { reveal: 2, units });
    }
}

#[test]
fn what_an_input_refers_to_is_there() {
    assert_eq!(
        refused(|input| input.reveals[1].work = 99),
        AggregationError::Dangling(1)
    );
    assert_eq!(
        refused(|input| input.reveals[1].tier = 2),
        AggregationError::Dangling(1)
    );
    assert!(matches!(
        refused(|input| input.reveals.clear()),
        AggregationError::Count { given: 0, .. }
    ));
    assert!(matches!(
        refused(|input| input.verifying_key = Bytes::from_static(b"key")),
        AggregationError::Key(_)
    ));
    assert!(matches!(
        refused(|input| input.reveals[0].proof = Bytes::new()),
        AggregationError::Proof(_)
    ));
    assert!(matches!(
        refused(|input| input.before.totals.0[0] ^= 1),
        AggregationError::Trie(_)
    ));
    let bytes = input(1).encode();
    assert!(AggregationInput::decode(&bytes[..bytes.len() - 1]).is_err());
    assert!(AggregationInput::decode(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn another_key_or_coordinator_is_another_public_value() {
    let shown = |change: fn(&mut AggregationInput)| {
        let mut input = input(1);
        change(&mut input);
        aggregate::<NativeCurve>(&input).unwrap()
    };
    let honest = shown(|_| ());
    assert_ne!(
        shown(|input| input.coordinator = Address::ZERO).public_value,
        honest.public_value
    );
    assert_ne!(
        shown(|input| input.context.chain_id += 1).public_value,
        honest.public_value
    );
}

#[test]
fn totals_are_numbers_of_two_halves() {
    let total = Total { reveals: 3, units: 250 };
    assert_eq!(Total::from_number(total.to_number()), Some(total));
    assert_eq!(Total::from_number(U256::MAX), None);
    assert_eq!(
        Total {
            reveals: u64::MAX,
            units: 0
        }
        .with(1),
        None
    );
    assert_eq!(
        EpochState::new().roots(),
        Roots {
            nullifiers: EMPTY_ROOT_HASH,
            totals: EMPTY_ROOT_HASH
        }
    );
}
