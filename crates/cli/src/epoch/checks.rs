//! Everything about a settled epoch that can be computed again from what is public, and whether it is so.

use std::fmt::Display;

use alloy::primitives::{B256, U256};
use cwe_bindings::economy::contracts::{cwe_payouts, economy_parameters::IEconomyParameters::Parameters};
use cwe_dapr::{EMPTY_ROOT_HASH, PPM, UNITS};
use serde::Serialize;

use super::{
    chain::{EpochEvents, EpochRecord, Holdings},
    published::PublishedList,
    states::States,
};
use crate::amount;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What must hold.
    pub check: &'static str,
    /// Whether it does.
    pub ok: bool,
    /// By which figures, or what is wrong.
    pub detail: String,
}

/// What is checked, all of one block.
pub(super) struct Evidence<'a> {
    /// What the contracts say.
    pub record: &'a EpochRecord,
    /// What their events say.
    pub events: &'a EpochEvents,
    /// The payout list, or why there is none.
    pub list: Result<&'a PublishedList, String>,
    /// Public value of the settlement's proof, as the contract computes it.
    pub public_value: B256,
    /// What the contract holds.
    pub holdings: &'a Holdings,
}

/// All checks, in the order of the money.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Check> {
    let (record, events) = (evidence.record, evidence.events);
    vec![
        revenue(record, events),
        shares(record),
        inputs(record),
        submissions(record, events),
        states(record, events),
        basis(record, events),
        proof(evidence),
        conservation(record),
        event(record, events),
        list(evidence),
        list_sum(evidence),
        withdrawals(evidence),
        solvency(evidence),
    ]
}

fn revenue(record: &EpochRecord, events: &EpochEvents) -> Check {
    let subscribers = record.tiers.iter().map(|tier| tier.subscribers).sum::<u64>();
    let ok = events.paid == record.fees() && events.subscriptions == subscribers;
    let detail = format!(
        "{} subscriptions paid {}; the tiers have {subscribers} and {}",
        events.subscriptions,
        amount::show(events.paid),
        amount::show(record.fees())
    );
    check("the fees are what the subscriptions paid", ok, detail)
}

fn shares(record: &EpochRecord) -> Check {
    let fees = record.fees();
    let due = |ppm: u32| fees.checked_mul(U256::from(ppm)).map(|parts| parts / U256::from(PPM));
    let ok = due(record.parameters.ecoPpm) == Some(record.inputs.eco)
        && due(record.parameters.infraPpm) == Some(record.inputs.infra);
    let detail = format!(
        "eco-reserve {} ppm: {}; infrastructure {} ppm: {}",
        record.parameters.ecoPpm,
        amount::show(record.inputs.eco),
        record.parameters.infraPpm,
        amount::show(record.inputs.infra)
    );
    check("the protocol's shares are the parameters'", ok, detail)
}

/// Compares what the settlement was made of with what each contract says.
fn inputs(record: &EpochRecord) -> Check {
    let (inputs, previous) = (&record.inputs, &record.previous);
    let abandoned = record.basis.abandonCarried;
    let carried_root = if abandoned { B256::ZERO } else { previous.carriedRoot };
    let (carried, unclaimed) = if abandoned {
        (U256::ZERO, previous.carried.saturating_add(previous.unclaimed))
    } else {
        (previous.carried, previous.unclaimed)
    };
    let tiers = &record.tiers;
    let rows = [
        ("epoch", inputs.epoch == record.epoch),
        ("endsAt", inputs.endsAt == record.windows.endsAt),
        ("totalsRoot", inputs.totalsRoot == record.basis.totalsRoot),
        (
            "registryCommitment",
            inputs.registryCommitment == record.registry_commitment,
        ),
        ("parameters", same_parameters(&inputs.parameters, &record.parameters)),
        ("tierIds", inputs.tierIds.iter().eq(tiers.iter().map(|tier| &tier.id))),
        ("fees", inputs.fees.iter().eq(tiers.iter().map(|tier| &tier.fee))),
        (
            "revenues",
            inputs.revenues.iter().eq(tiers.iter().map(|tier| &tier.revenue)),
        ),
        (
            "carriedRootIn",
            or_empty(inputs.carriedRootIn) == or_empty(carried_root),
        ),
        ("carriedIn", inputs.carriedIn == carried),
        ("unclaimedIn", inputs.unclaimedIn == unclaimed),
    ];
    let wrong: Vec<_> = rows.iter().filter(|(_, ok)| !ok).map(|(name, _)| *name).collect();
    let detail = if wrong.is_empty() {
        format!(
            "brought in: {} carried, {} unclaimed",
            amount::show(inputs.carriedIn),
            amount::show(inputs.unclaimedIn)
        )
    } else {
        format!("differ: {}", wrong.join(", "))
    };
    check(
        "the settlement is made of what the contracts have",
        wrong.is_empty(),
        detail,
    )
}

fn submissions(record: &EpochRecord, events: &EpochEvents) -> Check {
    let counted = |id: B256| events.submissions.iter().filter(|tier| **tier == id).count();
    let mut ok = true;
    let mut total = 0_u64;
    for tier in &record.tiers {
        ok &= u64::try_from(counted(tier.id)) == Ok(tier.submissions) && tier.submissions <= tier.subscribers;
        total = total.saturating_add(tier.submissions);
    }
    let detail = format!("{} in events, {total} counted, by tier", events.submissions.len());
    check("no tier has more submissions than subscriptions", ok, detail)
}

fn states(record: &EpochRecord, events: &EpochEvents) -> Check {
    const NAME: &str = "the best state is the one that the aggregates lead to";
    match States::replay(&events.aggregates) {
        Ok(states) => {
            let (roots, reveals) = states.best();
            let ok = roots == record.best_roots && reveals == record.best_reveals;
            let detail = format!(
                "{} aggregates, at most {reveals} reveals on a branch; the contract has {}",
                states.aggregates(),
                record.best_reveals
            );
            check(NAME, ok, detail)
        }
        Err(error) => check(NAME, false, error.to_string()),
    }
}

/// Units of the basis, which no proof may make more than what was submitted.
fn basis(record: &EpochRecord, events: &EpochEvents) -> Check {
    const NAME: &str = "the settlement divides by a proven state, within what was submitted";
    if !record.proven {
        let ok = record.settlement.creators.is_zero() && record.settlement.carried.is_zero();
        return check(NAME, ok, "settled without a proof: nothing goes to creators".into());
    }
    let roots = (record.basis.nullifierRoot, record.basis.totalsRoot);
    let states = match States::replay(&events.aggregates) {
        Ok(states) => states,
        Err(error) => return check(NAME, false, error.to_string()),
    };
    let Some(state) = states.get(roots) else {
        return check(
            NAME,
            false,
            format!("no aggregate leads to the roots {} and {}", roots.0, roots.1),
        );
    };
    let within = |(units, submissions): (&u64, u64)| u128::from(*units) <= UNITS * u128::from(submissions);
    let submissions = record
        .tiers
        .iter()
        .map(|tier| tier.submissions)
        .chain(std::iter::repeat(0));
    let ok = state.reveals == record.basis_reveals && state.units.iter().zip(submissions).all(within);
    let detail = format!(
        "{} of {} reveals, {} units{}",
        state.reveals,
        record.best_reveals,
        state.units.iter().fold(0, |sum: u64, units| sum.saturating_add(*units)),
        if record.basis.abandonCarried {
            "; carried money was abandoned"
        } else {
            ""
        }
    );
    check(NAME, ok, detail)
}

fn proof(evidence: &Evidence<'_>) -> Check {
    const NAME: &str = "the proof was of this settlement";
    let record = evidence.record;
    if !record.proven {
        return check(
            NAME,
            evidence.events.settlements.is_empty(),
            "settled without a proof".into(),
        );
    }
    let value = cwe_dapr::public_value(record.chain_id, &(&record.inputs).into(), &(&record.settlement).into());
    let proven = evidence.events.settlements.last();
    let same = proven.is_some_and(|event| event.settlement == record.settlement && event.basis == record.basis);
    let detail = if same {
        format!("public value {value}")
    } else {
        "the last proof in the events is of another settlement, or there is none".into()
    };
    let ok = same && value == evidence.public_value;
    check(
        NAME,
        ok,
        if same && !ok {
            differ("public value", evidence.public_value, value)
        } else {
            detail
        },
    )
}

fn conservation(record: &EpochRecord) -> Check {
    let (inputs, parts) = (&record.inputs, &record.settlement);
    let sum = |amounts: &[U256]| {
        amounts
            .iter()
            .try_fold(U256::ZERO, |sum, amount| sum.checked_add(*amount))
    };
    let inflow = sum(&[record.fees(), inputs.carriedIn, inputs.unclaimedIn]);
    let outflow = sum(&[inputs.eco, inputs.infra, parts.creators, parts.carried, parts.unclaimed]);
    let show = |amount: Option<U256>| amount.map_or_else(|| "more than can be".into(), amount::show);
    let detail = format!("in {}, out {}", show(inflow), show(outflow));
    check(
        "every wei that came in went somewhere",
        inflow.is_some() && inflow == outflow,
        detail,
    )
}

fn event(record: &EpochRecord, events: &EpochEvents) -> Check {
    const NAME: &str = "the record in the event is the contract's";
    let Some(event) = &events.record else {
        return check(NAME, false, "there is no EpochSettled event".into());
    };
    let figures = [
        ("fees", event.fees, record.fees()),
        ("eco", event.eco, record.inputs.eco),
        ("infra", event.infra, record.inputs.infra),
        ("creators", event.settlement.creators, record.settlement.creators),
        ("carried", event.settlement.carried, record.settlement.carried),
        ("unclaimed", event.settlement.unclaimed, record.settlement.unclaimed),
    ];
    let wrong = figures.iter().find(|(_, event, state)| event != state);
    match wrong {
        Some((name, event, state)) => check(NAME, false, differ(name, event, state)),
        None if event.settlement != record.settlement => check(NAME, false, "roots or the list's hash differ".into()),
        None => check(NAME, true, format!("fees {}", amount::show(event.fees))),
    }
}

fn list(evidence: &Evidence<'_>) -> Check {
    const NAME: &str = "the payout list is published, with the settled hash and root";
    match &evidence.list {
        Ok(list) => {
            let by = list
                .publisher
                .map_or_else(String::new, |publisher| format!(", published by {publisher}"));
            check(NAME, true, format!("{} works{by}", list.payouts.len()))
        }
        Err(problem) => check(NAME, false, problem.clone()),
    }
}

fn list_sum(evidence: &Evidence<'_>) -> Check {
    const NAME: &str = "the payouts add up to the creators' money";
    let Ok(list) = &evidence.list else {
        return check(NAME, false, "not checked: there is no list".into());
    };
    let sum: U256 = list.payouts.iter().map(|payout| U256::from(payout.amount)).sum();
    let creators = evidence.record.settlement.creators;
    check(
        NAME,
        sum == creators,
        format!("{} of {}", amount::show(sum), amount::show(creators)),
    )
}

fn withdrawals(evidence: &Evidence<'_>) -> Check {
    const NAME: &str = "what was withdrawn is in the list, once";
    let withdrawn = &evidence.events.withdrawn;
    let Ok(list) = &evidence.list else {
        return check(NAME, false, "not checked: there is no list".into());
    };
    let listed = |(work, amount): &(B256, U256)| {
        let found = list.payouts.binary_search_by_key(work, |payout| payout.work).ok();
        let payout = found.and_then(|index| list.payouts.get(index));
        payout.is_some_and(|payout| U256::from(payout.amount) == *amount)
    };
    if let Some((work, amount)) = withdrawn.iter().find(|entry| !listed(entry)) {
        return check(
            NAME,
            false,
            format!("{} for work {work} is not in the list", amount::show(*amount)),
        );
    }
    let mut works: Vec<_> = withdrawn.iter().map(|(work, _)| work).collect();
    works.sort_unstable();
    if let Some(twice) = works.windows(2).find(|two| two[0] == two[1]) {
        return check(NAME, false, format!("work {} was paid twice", twice[0]));
    }
    let sum: U256 = withdrawn.iter().map(|(_, amount)| *amount).sum();
    let (creators, claimable) = (evidence.record.settlement.creators, evidence.record.claimable);
    let ok = sum.checked_add(claimable) == Some(creators);
    let detail = format!(
        "{} works, {}; {} can be claimed",
        withdrawn.len(),
        amount::show(sum),
        amount::show(claimable)
    );
    check(NAME, ok, detail)
}

fn solvency(evidence: &Evidence<'_>) -> Check {
    let Holdings { balance, owed, books } = evidence.holdings;
    let parts = [books.claimable, books.carried, books.unclaimed, *owed];
    let due = parts
        .iter()
        .try_fold(U256::ZERO, |sum, amount| sum.checked_add(*amount));
    let ok = due.is_some_and(|due| *balance >= due);
    let due = due.map_or_else(|| "more than can be".into(), amount::show);
    let detail = format!("holds {}, owes {due}, all epochs together", amount::show(*balance));
    check("the contract holds what it owes", ok, detail)
}

/// The contracts' bindings have a type of this struct each.
const fn same_parameters(one: &cwe_payouts::IEconomyParameters::Parameters, other: &Parameters) -> bool {
    one.ecoPpm == other.ecoPpm
        && one.infraPpm == other.infraPpm
        && one.diminishingPpm == other.diminishingPpm
        && one.minReveals == other.minReveals
        && one.halfLife == other.halfLife
}

fn or_empty(root: B256) -> B256 {
    if root.is_zero() { EMPTY_ROOT_HASH } else { root }
}

fn differ(what: &str, found: impl Display, expected: impl Display) -> String {
    format!("{what} is {found}, expected {expected}")
}

const fn check(check: &'static str, ok: bool, detail: String) -> Check {
    Check { check, ok, detail }
}

#[cfg(test)]
pub(super) mod tests;
