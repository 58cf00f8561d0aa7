//! A settled epoch in which everything is right, and what each wrong figure does to the checks.

use alloy::primitives::Address;
use cwe_bindings::economy::contracts::{
    CWEPayouts,
    cwe_payouts::{
        ICWEPayouts::{Basis, Books, Settlement, SettlementInputs},
        IEconomyParameters,
    },
    economy_parameters::IEconomyParameters::Parameters,
    epoch_clock::IEpochClock::Windows,
};

use super::{
    super::{
        chain::TierRecord,
        published::tests::{payout, settlement},
        states::tests::{aggregate, roots},
    },
    *,
};

/// What a test can change.
struct World {
    record: EpochRecord,
    events: EpochEvents,
    list: Result<PublishedList, String>,
    public_value: B256,
    holdings: Holdings,
}

impl World {
    /// Ten subscriptions at 100 wei, eight submissions; 850 wei for creators, of whom two works get 700.
    fn new() -> Self {
        let payouts = vec![payout(3, 400), payout(5, 300)];
        let settlement = Settlement {
            carried: U256::from(50),
            unclaimed: U256::from(130),
            ..settlement(&payouts)
        };
        let basis = Basis {
            nullifierRoot: roots(2).0,
            totalsRoot: roots(2).1,
            abandonCarried: false,
        };
        let record = record(&settlement, &basis);
        let record_event = CWEPayouts::EpochSettled {
            epoch: 3,
            fees: U256::from(1_000),
            eco: U256::from(50),
            infra: U256::from(100),
            settlement: settlement.clone(),
        };
        let value = cwe_dapr::public_value(51_337, &(&record.inputs).into(), &(&settlement).into());
        let events = EpochEvents {
            paid: U256::from(1_000),
            subscriptions: 10,
            submissions: vec![tier_id(); 8],
            aggregates: vec![aggregate(0, 1, 3, &[300]), aggregate(1, 2, 2, &[400])],
            settlements: vec![CWEPayouts::SettlementProven {
                epoch: 3,
                publisher: Address::repeat_byte(1),
                basis,
                settlement,
            }],
            record: Some(record_event),
            withdrawn: vec![(payouts[0].work, U256::from(400))],
        };
        Self {
            record,
            events,
            list: Ok(PublishedList {
                publisher: Some(Address::repeat_byte(1)),
                tree: cwe_dapr::PayoutTree::new(3, &payouts),
                payouts,
            }),
            public_value: value,
            holdings: Holdings {
                balance: U256::from(490),
                owed: U256::from(10),
                books: Books {
                    fees: U256::from(1_000),
                    credited: U256::from(400),
                    claimable: U256::from(300),
                    eco: U256::from(50),
                    infra: U256::from(100),
                    carried: U256::from(50),
                    unclaimed: U256::from(130),
                },
            },
        }
    }

    /// Names of the checks that fail.
    fn failures(&self) -> Vec<&'static str> {
        let checks = all(&Evidence {
            record: &self.record,
            events: &self.events,
            list: self.list.as_ref().map_err(Clone::clone),
            public_value: self.public_value,
            holdings: &self.holdings,
        });
        assert_eq!(checks.len(), 13);
        checks
            .iter()
            .filter(|check| !check.ok)
            .map(|check| check.check)
            .collect()
    }
}

fn tier_id() -> B256 {
    B256::left_padding_from(b"light")
}

/// The record of a settled epoch.
pub(crate) fn settled_record() -> EpochRecord {
    World::new().record
}

fn record(settlement: &Settlement, basis: &Basis) -> EpochRecord {
    let previous = Settlement {
        creators: U256::ZERO,
        carried: U256::from(10),
        unclaimed: U256::from(20),
        payoutRoot: B256::ZERO,
        carriedRoot: B256::repeat_byte(0xca),
        payoutsHash: B256::ZERO,
    };
    EpochRecord {
        chain_id: 51_337,
        epoch: 3,
        windows: Windows {
            startsAt: 100,
            endsAt: 200,
            submissionEndsAt: 210,
            revealEndsAt: 220,
            settleableAt: 230,
        },
        grace: (240, 250),
        parameters: Parameters {
            ecoPpm: 50_000,
            infraPpm: 100_000,
            diminishingPpm: 1_000_000,
            minReveals: 2,
            halfLife: false,
        },
        registry_commitment: B256::repeat_byte(0x5e),
        tiers: vec![TierRecord {
            id: tier_id(),
            fee: U256::from(100),
            revenue: U256::from(1_000),
            subscribers: 10,
            submissions: 8,
        }],
        best_roots: roots(2),
        best_reveals: 5,
        basis: basis.clone(),
        basis_reveals: 5,
        settlement: settlement.clone(),
        proven: true,
        settled: true,
        inputs: inputs_of(&previous, basis),
        previous,
        claimable: U256::from(300),
        next_epoch: 4,
    }
}

fn inputs_of(previous: &Settlement, basis: &Basis) -> SettlementInputs {
    SettlementInputs {
        epoch: 3,
        endsAt: 200,
        totalsRoot: basis.totalsRoot,
        registryCommitment: B256::repeat_byte(0x5e),
        parameters: IEconomyParameters::Parameters {
            ecoPpm: 50_000,
            infraPpm: 100_000,
            diminishingPpm: 1_000_000,
            minReveals: 2,
            halfLife: false,
        },
        tierIds: vec![tier_id()],
        fees: vec![U256::from(100)],
        revenues: vec![U256::from(1_000)],
        carriedRootIn: previous.carriedRoot,
        carriedIn: previous.carried,
        unclaimedIn: previous.unclaimed,
        eco: U256::from(50),
        infra: U256::from(100),
    }
}

const INPUTS: &str = "the settlement is made of what the contracts have";
const STATES: &str = "the best state is the one that the aggregates lead to";
const BASIS: &str = "the settlement divides by a proven state, within what was submitted";
const PROOF: &str = "the proof was of this settlement";
const CONSERVED: &str = "every wei that came in went somewhere";
const EVENT: &str = "the record in the event is the contract's";
const WITHDRAWN: &str = "what was withdrawn is in the list, once";
const SUM: &str = "the payouts add up to the creators' money";

#[test]
fn an_epoch_in_which_everything_is_right_passes() {
    assert_eq!(World::new().failures(), Vec::<&str>::new());
}

/// A wrong figure, and the checks that must fail of it.
type Wrong = (fn(&mut World), &'static [&'static str]);

#[test]
fn each_wrong_figure_fails_the_checks_that_it_concerns() {
    let one = U256::from(1);
    let wrong: [Wrong; 16] = [
        (
            |world| world.events.subscriptions -= 1,
            &["the fees are what the subscriptions paid"],
        ),
        (
            |world| world.events.paid += U256::from(1),
            &["the fees are what the subscriptions paid"],
        ),
        (|world| world.record.inputs.endsAt += 1, &[INPUTS, PROOF]),
        (|world| world.record.registry_commitment = B256::ZERO, &[INPUTS]),
        (|world| world.record.previous.carriedRoot = B256::ZERO, &[INPUTS]),
        (
            |world| world.events.submissions.truncate(7),
            &["no tier has more submissions than subscriptions"],
        ),
        (|world| world.record.best_reveals += 1, &[STATES]),
        (|world| world.events.aggregates.truncate(1), &[STATES, BASIS]),
        (|world| world.events.aggregates[0].units[0] = 401, &[BASIS]),
        (|world| world.public_value = B256::ZERO, &[PROOF]),
        (|world| world.events.settlements.clear(), &[PROOF]),
        (
            |world| world.record.settlement.unclaimed += U256::from(1),
            &[PROOF, CONSERVED, EVENT],
        ),
        (|world| world.events.record = None, &[EVENT]),
        (|world| world.events.withdrawn[0].1 += U256::from(1), &[WITHDRAWN]),
        (|world| world.record.claimable -= U256::from(1), &[WITHDRAWN]),
        (
            |world| world.holdings.balance -= U256::from(1),
            &["the contract holds what it owes"],
        ),
    ];
    for (number, (change, failures)) in wrong.into_iter().enumerate() {
        let mut world = World::new();
        change(&mut world);
        assert_eq!(world.failures(), failures, "change {number}");
    }
    let mut world = World::new();
    world.record.inputs.eco += one;
    assert!(world.failures().contains(&"the protocol's shares are the parameters'"));
}

#[test]
fn a_payout_can_not_be_withdrawn_twice() {
    let mut world = World::new();
    let first = world.events.withdrawn[0];
    world.events.withdrawn.push(first);
    assert_eq!(world.failures(), [WITHDRAWN]);
}

#[test]
fn a_list_that_does_not_add_up_or_is_missing_fails() {
    let mut world = World::new();
    if let Ok(list) = &mut world.list {
        list.payouts[1].amount += 1;
    }
    assert_eq!(world.failures(), [SUM]);
    world.list = Err("no published payout list".into());
    let list = "the payout list is published, with the settled hash and root";
    assert_eq!(world.failures(), [list, SUM, WITHDRAWN]);
}

#[test]
fn abandoned_money_counts_as_unclaimed() {
    let mut world = World::new();
    world.record.basis.abandonCarried = true;
    assert_eq!(world.failures(), [INPUTS, PROOF], "the inputs still have it as carried");
    world.record.inputs.carriedRootIn = EMPTY_ROOT_HASH;
    world.record.inputs.carriedIn = U256::ZERO;
    world.record.inputs.unclaimedIn = U256::from(30);
    assert_eq!(world.failures(), [PROOF], "the proof was of another basis");
}

#[test]
fn an_epoch_without_a_proof_pays_nobody() {
    let mut world = World::new();
    world.record.proven = false;
    world.record.basis = Basis {
        nullifierRoot: B256::ZERO,
        totalsRoot: B256::ZERO,
        abandonCarried: false,
    };
    world.record.inputs.totalsRoot = B256::ZERO;
    world.events.settlements.clear();
    assert_eq!(world.failures(), [BASIS], "creators would get money");
}
