//! Each rule of a settlement by a small epoch whose figures can be followed by hand: fees 1000 and 3000 wei, of which
//! creators get 85 %, so that a unit is worth 8.5 and 25.5 wei.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at anything unexpected"
)]

mod common;

use alloy_primitives::{B256, U256};
use common::*;
use cwe_dapr::{
    CarriedEntry, MAX_AMOUNT, Parameters, Payout, PayoutTree, RegistryError, SettleError, Settled, Settlement,
    SettlementData, SettlementInputs, Tier, TotalsEntry, payouts_hash, settle, verify_payout,
};

fn payout(number: u64, amount: u128) -> Payout {
    Payout {
        work: work(number),
        amount,
    }
}

fn settled(inputs: &SettlementInputs, data: &SettlementData) -> Settled {
    let settled = settle(inputs, data).unwrap();
    let parts = settled.settlement;
    let outflow = inputs.eco + inputs.infra + parts.creators + parts.carried + parts.unclaimed;
    assert_eq!(outflow, inflow(inputs), "conserved to the last wei");
    settled
}

fn money(settled: &Settled) -> [u64; 3] {
    let Settlement {
        creators,
        carried,
        unclaimed,
        ..
    } = settled.settlement;
    [creators, carried, unclaimed].map(|amount| amount.try_into().unwrap())
}

#[test]
fn works_get_what_their_units_are_worth() {
    let data = data(&[total(1, 1, 100, 3), total(1, 2, 40, 3), total(2, 2, 60, 4)], &[]);
    let settled = settled(&inputs(PARAMETERS, [1, 1], &data), &data);
    assert_eq!(settled.payouts, [payout(1, 850 + 1_020), payout(2, 1_530)]);
    assert_eq!(money(&settled), [3_400, 0, 0]);
    assert_eq!(settled.carried, []);
    assert_eq!(settled.settlement.carried_root, EMPTY);
}

#[test]
fn the_list_is_bound_by_its_root_and_its_hash() {
    let data = data(&[total(5, 1, 10, 3), total(3, 1, 20, 3), total(4, 2, 30, 9)], &[]);
    let inputs = inputs(PARAMETERS, [1, 1], &data);
    let settled = settled(&inputs, &data);
    let tree = PayoutTree::new(inputs.epoch, &settled.payouts);
    assert_eq!(settled.settlement.payout_root, tree.root());
    assert_eq!(settled.settlement.payouts_hash, payouts_hash(&settled.payouts));
    assert!(settled.payouts.is_sorted_by_key(|payout| payout.work));
    for payout in &settled.payouts {
        let proof = tree.proof(payout.work).unwrap();
        assert!(verify_payout(tree.root(), inputs.epoch, payout, &proof));
    }
}

#[test]
fn a_work_seen_too_few_times_is_carried_and_not_published() {
    let data = data(&[total(1, 1, 40, 2), total(2, 1, 60, 3)], &[]);
    let settled = settled(&inputs(PARAMETERS, [1, 0], &data), &data);
    assert_eq!(settled.payouts, [payout(2, 510)]);
    assert_eq!(settled.carried, [carried(1, 1, 2, 340)]);
    assert_eq!(money(&settled), [510, 340, 0]);
    assert_ne!(settled.settlement.carried_root, EMPTY);
}

#[test]
fn tiers_of_a_work_are_counted_apart() {
    let data = data(&[total(1, 1, 40, 2), total(1, 2, 60, 2)], &[]);
    let settled = settled(&inputs(PARAMETERS, [1, 1], &data), &data);
    assert_eq!(settled.payouts, []);
    assert_eq!(settled.carried, [carried(1, 1, 2, 340), carried(1, 2, 2, 1_530)]);
}

#[test]
fn what_was_carried_is_released_when_the_count_is_reached() {
    let data = data(&[total(1, 1, 10, 1)], &[carried(1, 1, 2, 340)]);
    let settled = settled(&inputs(PARAMETERS, [1, 0], &data), &data);
    assert_eq!(settled.payouts, [payout(1, 85 + 340)]);
    assert_eq!(money(&settled), [425, 0, 765]);
    assert_eq!(settled.settlement.carried_root, EMPTY);
}

#[test]
fn what_was_carried_adds_up_until_then() {
    let data = data(&[total(1, 1, 10, 1)], &[carried(1, 1, 1, 340), carried(2, 2, 2, 7)]);
    let settled = settled(&inputs(PARAMETERS, [1, 0], &data), &data);
    assert_eq!(settled.payouts, []);
    assert_eq!(settled.carried, [carried(1, 1, 2, 425), carried(2, 2, 2, 7)]);
}

#[test]
fn a_lower_bound_releases_what_was_carried_without_new_reveals() {
    let lower = Parameters {
        min_reveals: 2,
        ..PARAMETERS
    };
    let data = data(&[], &[carried(1, 1, 2, 340), carried(2, 1, 1, 9)]);
    let settled = settled(&inputs(lower, [0, 0], &data), &data);
    assert_eq!(settled.payouts, [payout(1, 340)]);
    assert_eq!(settled.carried, [carried(2, 1, 1, 9)]);
}

#[test]
fn an_epoch_without_reveals_leaves_everything_unclaimed() {
    let nothing = data(&[], &[]);
    let settled = settled(&inputs(PARAMETERS, [2, 1], &nothing), &nothing);
    assert_eq!(money(&settled), [0, 0, 4_250]);
    assert_eq!(settled.settlement.payout_root, B256::ZERO);
    assert_eq!(settled.settlement.payouts_hash, B256::ZERO);
    assert_eq!(settled.settlement.carried_root, EMPTY);
}

#[test]
fn one_reveal_is_paid_where_one_is_enough() {
    let one = Parameters {
        min_reveals: 1,
        ..PARAMETERS
    };
    let data = data(&[total(9, 2, 1, 1)], &[]);
    let settled = settled(&inputs(one, [0, 1], &data), &data);
    assert_eq!(settled.payouts, [payout(9, 25)]);
    assert_eq!(money(&settled), [25, 0, 2_525]);
}

#[test]
fn unclaimed_money_goes_to_the_listed_in_proportion_to_what_the_epoch_brought_them() {
    let data = data(
        &[total(1, 1, 20, 3), total(2, 1, 60, 3), total(3, 1, 20, 1)],
        &[carried(1, 1, 1, 100_000)],
    );
    let mut inputs = inputs(PARAMETERS, [1, 0], &data);
    inputs.unclaimed_in = U256::from(1_001);
    let settled = settled(&inputs, &data);
    // 170 and 510 wei of value: a quarter and three quarters of 1001, rounded down; what was carried in counts nothing.
    assert_eq!(settled.payouts, [payout(1, 100_170 + 250), payout(2, 510 + 750)]);
    assert_eq!(money(&settled), [100_420 + 1_260, 170, 1]);
}

#[test]
fn unclaimed_money_stays_when_nothing_new_is_listed() {
    let data = data(&[total(1, 1, 20, 1)], &[carried(2, 1, 3, 50)]);
    let mut inputs = inputs(PARAMETERS, [1, 0], &data);
    inputs.unclaimed_in = U256::from(1_000);
    let settled = settled(&inputs, &data);
    assert_eq!(settled.payouts, [payout(2, 50)]);
    assert_eq!(money(&settled), [50, 170, 680 + 1_000]);
}

#[test]
fn works_that_get_nothing_are_not_listed() {
    let free = vec![Tier {
        id: tier(1),
        fee: U256::from(1),
        revenue: U256::from(1),
    }];
    let data = data(&[total(1, 1, 50, 3), total(2, 1, 50, 1)], &[]);
    let settled = settled(&with_tiers(PARAMETERS, free, &data), &data);
    assert_eq!(settled.payouts, []);
    assert_eq!(settled.carried, [carried(2, 1, 1, 0)], "its count goes on");
    assert_eq!(money(&settled), [0, 0, 1]);
}

#[test]
fn age_takes_from_the_value_and_not_from_what_was_carried() {
    let half_life = Parameters {
        half_life: true,
        ..PARAMETERS
    };
    let (opening, commitment) = registry(&[(work(1), 1_800_000_000 - 269_754_365), (work(2), 1_900_000_000)]);
    let totals = [total(1, 1, 50, 3), total(2, 1, 50, 3)];
    let brought = [carried(1, 1, 1, 1_000)];
    let data = SettlementData::new(totals.into(), brought.into(), Some(opening)).unwrap();
    let mut inputs = inputs(half_life, [1, 0], &data);
    inputs.registry_commitment = commitment;
    let settled = settled(&inputs, &data);
    // 425 · 0.549999 after one half-life; a work from the epoch's future has no age.
    assert_eq!(settled.payouts, [payout(1, 1_000 + 233), payout(2, 425)]);
    assert_eq!(money(&settled), [1_658, 0, 192]);
}

#[test]
fn an_epoch_without_reveals_needs_no_ages() {
    let half_life = Parameters {
        half_life: true,
        ..PARAMETERS
    };
    let data = data(&[], &[carried(1, 1, 9, 5)]);
    assert_eq!(
        settled(&inputs(half_life, [0, 0], &data), &data).payouts,
        [payout(1, 5)]
    );
}

#[test]
fn registrations_are_given_exactly_where_they_count() {
    let half_life = Parameters {
        half_life: true,
        ..PARAMETERS
    };
    let (opening, commitment) = registry(&[(work(1), 5)]);
    let without = data(&[total(1, 1, 50, 3)], &[]);
    assert_eq!(
        settle(&inputs(half_life, [1, 0], &without), &without),
        Err(SettleError::RegistryMissing)
    );
    let with =
        |totals: &[TotalsEntry]| SettlementData::new(totals.to_vec(), Vec::new(), Some(opening.clone())).unwrap();
    let data = with(&[total(1, 1, 50, 3)]);
    assert_eq!(
        settle(&inputs(PARAMETERS, [1, 0], &data), &data),
        Err(SettleError::RegistryUnneeded)
    );
    let stale = settle(&inputs(half_life, [1, 0], &data), &data);
    assert!(matches!(
        stale,
        Err(SettleError::Registry(RegistryError::Commitment { .. }))
    ));
    let other = with(&[total(1, 1, 50, 3), total(2, 1, 1, 1)]);
    let mut inputs = inputs(half_life, [1, 0], &other);
    inputs.registry_commitment = commitment;
    assert_eq!(
        settle(&inputs, &other),
        Err(SettleError::WorkNotOpened { work: work(2) })
    );
}

#[test]
fn lists_that_are_not_the_committed_ones_are_refused() {
    let totals = [total(1, 1, 50, 3), total(2, 1, 50, 3)];
    let brought = [carried(1, 1, 1, 10), carried(3, 1, 1, 10)];
    let inputs = inputs(PARAMETERS, [1, 0], &data(&totals, &brought));
    let refused =
        |totals: &[TotalsEntry], brought: &[CarriedEntry]| settle(&inputs, &data(totals, brought)).unwrap_err();

    let mut more = totals;
    more[0].units += 1;
    let mut seen_more = totals;
    seen_more[0].reveals += 1;
    let added = [totals[0], totals[1], total(3, 1, 0, 1)];
    for list in [&totals[..1], &more, &seen_more, &added, &[]] {
        let error = refused(list, &brought);
        assert!(
            matches!(error, SettleError::TotalsRoot { expected, .. } if expected == inputs.totals_root),
            "{error}"
        );
    }
    let mut richer = brought;
    richer[0].amount += 1;
    for list in [&brought[..1], &richer, &[]] {
        let error = refused(&totals, list);
        assert!(matches!(error, SettleError::CarriedRoot { expected, .. } if expected == inputs.carried_root_in));
    }
}

#[test]
fn carried_money_is_the_sum_of_the_carried_entries() {
    let data = data(&[], &[carried(1, 1, 1, 10)]);
    let mut inputs = inputs(PARAMETERS, [0, 0], &data);
    inputs.carried_in += U256::from(1);
    assert_eq!(
        settle(&inputs, &data),
        Err(SettleError::CarriedSum {
            expected: U256::from(11),
            computed: 10
        })
    );
}

#[test]
fn units_in_a_tier_that_does_not_exist_are_refused() {
    let data = data(&[total(1, 3, 50, 3)], &[]);
    let error = settle(&inputs(PARAMETERS, [1, 0], &data), &data);
    let (work, tier) = (work(1), tier(3));
    assert_eq!(error, Err(SettleError::UnknownTier { work, tier }));
}

#[test]
fn the_protocols_shares_are_those_of_the_parameters() {
    let data = data(&[total(1, 1, 50, 3)], &[]);
    let good = inputs(PARAMETERS, [1, 0], &data);
    let changes: [fn(&mut SettlementInputs); 5] = [
        |inputs| inputs.eco += U256::from(1),
        |inputs| inputs.infra -= U256::from(1),
        |inputs| inputs.parameters.eco_ppm += 1_000,
        |inputs| inputs.parameters.infra_ppm = u32::MAX,
        |inputs| inputs.eco = U256::from(1_001),
    ];
    for change in changes {
        let mut inputs = good.clone();
        change(&mut inputs);
        assert!(matches!(settle(&inputs, &data), Err(SettleError::SharesInvalid { .. })));
    }
}

#[test]
fn more_units_than_were_paid_for_are_refused() {
    let data = data(&[total(1, 1, 101, 3)], &[]);
    let error = settle(&inputs(PARAMETERS, [1, 0], &data), &data);
    assert_eq!(error, Err(SettleError::PoolExceeded { gross: 858, pool: 850 }));
}

#[test]
fn an_upgrade_pays_more_than_its_units_are_worth_and_never_less() {
    // Bought at 1000, upgraded by 2000: the units count in the dearer tier, whose revenue has the 2000 only.
    let tiers = vec![
        Tier {
            id: tier(1),
            fee: U256::from(1_000),
            revenue: U256::from(1_000),
        },
        Tier {
            id: tier(2),
            fee: U256::from(3_000),
            revenue: U256::from(2_000),
        },
    ];
    let data = data(&[total(1, 2, 100, 3)], &[]);
    assert_eq!(
        money(&settled(&with_tiers(PARAMETERS, tiers, &data), &data)),
        [2_550, 0, 0]
    );
}

#[test]
fn amounts_beyond_their_ranges_are_errors() {
    let rich = |fee: U256, revenue: U256| {
        vec![Tier {
            id: tier(1),
            fee,
            revenue,
        }]
    };
    let none = Parameters {
        eco_ppm: 0,
        infra_ppm: 0,
        ..PARAMETERS
    };
    let one = data(&[total(1, 1, 100, 3)], &[]);
    let most = U256::from(MAX_AMOUNT);
    let settle_at =
        |fee: U256, revenue: U256, data: &SettlementData| settle(&with_tiers(none, rich(fee, revenue), data), data);
    assert_eq!(settle_at(most, most, &one).unwrap().payouts, [payout(1, MAX_AMOUNT)]);
    let above = most + U256::from(1);
    assert_eq!(
        settle_at(above, above, &one),
        Err(SettleError::AmountTooLarge {
            work: work(1),
            amount: MAX_AMOUNT + 1
        })
    );
    let beyond = U256::from(1) << 128;
    assert!(matches!(
        settle_at(U256::from(1), beyond, &one),
        Err(SettleError::TooLarge { field: "a revenue", .. })
    ));
    assert!(matches!(
        settle_at(beyond, U256::from(1), &one),
        Err(SettleError::TooLarge { field: "a fee", .. })
    ));
    let highest = U256::from(u128::MAX);
    assert!(matches!(
        settle_at(highest, highest, &one),
        Err(SettleError::Overflow { .. })
    ));
    let many = data(&[total(1, 1, u64::MAX, 3), total(2, 1, u64::MAX, 3)], &[]);
    assert!(matches!(
        settle_at(most, most, &many),
        Err(SettleError::Overflow { .. })
    ));

    let full = data(&[], &[carried(1, 1, 1, u128::MAX), carried(2, 1, 1, 1)]);
    assert!(matches!(
        settle(&inputs(none, [0, 0], &full), &full),
        Err(SettleError::TooLarge { field: "carriedIn", .. })
    ));
    let reveals = data(&[total(1, 1, 1, u64::MAX)], &[carried(1, 1, 1, 1)]);
    assert!(matches!(
        settle(&inputs(none, [1, 0], &reveals), &reveals),
        Err(SettleError::Overflow { .. })
    ));
}
