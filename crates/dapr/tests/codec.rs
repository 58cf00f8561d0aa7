//! The guest's input survives its encoding, and nothing else is taken for one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at anything unexpected"
)]

mod common;

use alloy_primitives::{B256, U256};
use common::*;
use cwe_dapr::{DataError, InputError, Parameters, SettlementData, SettlementProofInput, Tier};
use proptest::prelude::*;

fn sample() -> SettlementProofInput {
    let half_life = Parameters {
        half_life: true,
        ..PARAMETERS
    };
    let works: Vec<_> = (1..9).map(|number| (work(number), 1_000 + number)).collect();
    let (opening, commitment) = registry(&works);
    let totals: Vec<_> = (1..9).map(|number| total(number, 1, 10 * number, number)).collect();
    let data = SettlementData::new(totals, vec![carried(3, 2, 1, u128::MAX / 3)], Some(opening)).unwrap();
    let mut inputs = inputs(half_life, [5, 7], &data);
    inputs.registry_commitment = commitment;
    inputs.unclaimed_in = U256::MAX;
    SettlementProofInput {
        chain_id: 51_337,
        inputs,
        data,
    }
}

#[test]
fn inputs_survive_their_encoding() {
    let input = sample();
    let bytes = input.encode();
    assert_eq!(bytes.len() % 4, 0);
    assert_eq!(SettlementProofInput::decode(&bytes).unwrap(), input);
    let empty = SettlementProofInput::default();
    assert_eq!(SettlementProofInput::decode(&empty.encode()).unwrap(), empty);
}

#[test]
fn nothing_follows_the_last_part_and_nothing_is_missing() {
    let mut bytes = sample().encode();
    for length in 0..bytes.len() {
        assert!(SettlementProofInput::decode(&bytes[..length]).is_err(), "{length}");
    }
    bytes.push(0);
    assert_eq!(SettlementProofInput::decode(&bytes), Err(InputError::Trailing(1)));
}

#[test]
fn lists_out_of_order_and_duplicates_are_refused() {
    // The totals follow chain id, inputs and two tiers.
    let start = 8 + 8 + 8 + 64 + 20 + 160 + 4 + 2 * 96 + 4;
    let bytes = sample().encode();
    let swap = |one: usize, other: usize| {
        let mut bytes = bytes.clone();
        let (one, other) = (start + 80 * one, start + 80 * other);
        let first = bytes[one..one + 80].to_vec();
        bytes.copy_within(other..other + 80, one);
        bytes[other..other + 80].copy_from_slice(&first);
        bytes
    };
    let unsorted = SettlementProofInput::decode(&swap(2, 3));
    assert!(
        matches!(
            unsorted,
            Err(InputError::Data(DataError::Unsorted { list: "totals", .. }))
        ),
        "{unsorted:?}"
    );
    let mut twice = bytes.clone();
    twice.copy_within(start..start + 80, start + 80);
    let twice = SettlementProofInput::decode(&twice);
    assert!(
        matches!(
            twice,
            Err(InputError::Data(DataError::Duplicate { list: "totals", .. }))
        ),
        "{twice:?}"
    );
}

#[test]
fn a_length_beyond_the_input_is_refused_before_it_is_allocated() {
    let tiers = 8 + 8 + 8 + 64 + 20 + 160;
    let mut bytes = SettlementProofInput::default().encode();
    bytes[tiers + 4..tiers + 8].fill(0xff);
    let refused = SettlementProofInput::decode(&bytes);
    assert_eq!(
        refused,
        Err(InputError::TooMany {
            count: u32::MAX as usize,
            limit: 0
        })
    );
}

#[test]
fn more_tiers_than_there_can_be_are_refused() {
    let mut input = SettlementProofInput::default();
    input.inputs.tiers = vec![Tier::default(); 17];
    let refused = SettlementProofInput::decode(&input.encode());
    assert_eq!(refused, Err(InputError::TooMany { count: 17, limit: 16 }));
}

#[test]
fn a_flag_is_zero_or_one() {
    let half_life = 8 + 8 + 8 + 64 + 16;
    let mut bytes = SettlementProofInput::default().encode();
    bytes[half_life] = 2;
    assert_eq!(SettlementProofInput::decode(&bytes), Err(InputError::Flag(2)));
}

proptest! {
    #[test]
    fn any_bytes_are_an_input_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        let _ = SettlementProofInput::decode(&bytes);
    }

    #[test]
    fn a_damaged_input_is_another_input_or_an_error(at: prop::sample::Index, flip in 1..=255_u8) {
        let good = sample();
        let mut bytes = good.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = SettlementProofInput::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert!(other != good);
            // Whatever it says, it is settled or refused.
            let _ = cwe_dapr::settle(&other.inputs, &other.data);
        }
    }
}

#[test]
fn the_sample_is_a_settlement_that_lacks_only_money() {
    let mut input = sample();
    assert!(matches!(
        cwe_dapr::settle(&input.inputs, &input.data),
        Err(cwe_dapr::SettleError::TooLarge {
            field: "unclaimedIn",
            ..
        })
    ));
    input.inputs.unclaimed_in = U256::ZERO;
    let settled = cwe_dapr::settle(&input.inputs, &input.data).unwrap();
    assert_ne!(settled.settlement.payout_root, B256::ZERO);
}
