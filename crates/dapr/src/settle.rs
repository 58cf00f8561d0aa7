//! From inputs and data to a settlement. The crate's page has the formulas.

use alloc::vec::Vec;
use core::cmp::Ordering;

use alloy_primitives::{B256, U256};

use crate::{
    CarriedEntry, MAX_AMOUNT, PPM, Payout, PayoutTree, SettleError, Settlement, SettlementData, SettlementInputs,
    TotalsEntry, UNITS, carried_root, data::Placed, half_life_weight_ppm, math::mul_div, payouts_hash, totals_root,
};

/// What comes of an epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// What the contract takes.
    pub settlement: Settlement,
    /// The payout list, by rising work.
    pub payouts: Vec<Payout>,
    /// What is carried on, by rising work and tier.
    pub carried: Vec<CarriedEntry>,
}

/// Settles an epoch.
///
/// # Errors
/// [`SettleError`]: the data is not what the inputs commit to, or amounts are beyond their ranges.
pub fn settle(inputs: &SettlementInputs, data: &SettlementData) -> Result<Settled, SettleError> {
    check_roots(inputs, data)?;
    let money = Money::new(inputs)?;
    check_carried_sum(inputs, data.carried())?;
    let rows = rows(data, &money, &Weights::new(inputs, data)?)?;
    check_pool(&rows, money.pool)?;
    let min_reveals = u64::from(inputs.parameters.min_reveals);
    let (listed, held): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.reveals >= min_reveals);
    let payouts = payouts(&listed, money.unclaimed_in)?;
    let carried: Vec<_> = held.iter().map(Row::carried).collect();
    let settlement = settlement(inputs.epoch, &money, &payouts, &carried)?;
    Ok(Settled {
        settlement,
        payouts,
        carried,
    })
}

fn check_roots(inputs: &SettlementInputs, data: &SettlementData) -> Result<(), SettleError> {
    let (expected, computed) = (inputs.totals_root, totals_root(data.totals()));
    if computed != expected {
        return Err(SettleError::TotalsRoot { expected, computed });
    }
    let (expected, computed) = (inputs.carried_root_in, carried_root(data.carried()));
    if computed != expected {
        return Err(SettleError::CarriedRoot { expected, computed });
    }
    Ok(())
}

fn check_carried_sum(inputs: &SettlementInputs, carried: &[CarriedEntry]) -> Result<(), SettleError> {
    let amounts = carried.iter().map(|entry| entry.amount);
    let computed = sum(amounts, "the sum of the carried entries")?;
    let expected = inputs.carried_in;
    if U256::from(computed) == expected {
        Ok(())
    } else {
        Err(SettleError::CarriedSum { expected, computed })
    }
}

/// An epoch's money, CLN wei.
struct Money {
    /// Ids of the tiers, and what a hundred million units in one are worth to creators.
    tiers: Vec<(B256, u128)>,
    /// What all units together can be worth.
    pool: u128,
    unclaimed_in: u128,
    /// All that does not go to the protocol.
    rest: u128,
}

impl Money {
    fn new(inputs: &SettlementInputs) -> Result<Self, SettleError> {
        let revenues: Result<Vec<_>, _> = inputs
            .tiers
            .iter()
            .map(|tier| narrow("a revenue", tier.revenue))
            .collect();
        let fees = sum(revenues?, "the sum of the revenues")?;
        let (pool, rest_ppm) = shares(inputs, fees)?;
        let rate = |fee: u128| fee.checked_mul(rest_ppm).ok_or(overflow("a fee's creators' part"));
        let tiers: Result<Vec<_>, SettleError> = inputs
            .tiers
            .iter()
            .map(|tier| Ok((tier.id, rate(narrow("a fee", tier.fee)?)?)))
            .collect();
        let unclaimed_in = narrow("unclaimedIn", inputs.unclaimed_in)?;
        let carried_in = narrow("carriedIn", inputs.carried_in)?;
        Ok(Self {
            tiers: tiers?,
            pool,
            unclaimed_in,
            rest: sum([pool, unclaimed_in, carried_in], "the epoch's inflow")?,
        })
    }

    /// What a total is worth before the work's age counts.
    fn gross(&self, entry: &TotalsEntry) -> Result<u128, SettleError> {
        let (work, tier) = entry.place();
        let known = self.tiers.iter().find(|(id, _)| *id == tier);
        let (_, rate) = known.ok_or(SettleError::UnknownTier { work, tier })?;
        mul_div(*rate, entry.units.into(), UNITS * PPM).ok_or(overflow("the worth of a work's units"))
    }
}

/// The creators' part of the fees, and in ppm.
fn shares(inputs: &SettlementInputs, fees: u128) -> Result<(u128, u128), SettleError> {
    let (eco_ppm, infra_ppm) = (inputs.parameters.eco_ppm, inputs.parameters.infra_ppm);
    let eco = narrow("eco", inputs.eco)?;
    let infra = narrow("infra", inputs.infra)?;
    let due = |ppm: u32| mul_div(fees, ppm.into(), PPM);
    let rest_ppm = PPM.checked_sub(u128::from(eco_ppm) + u128::from(infra_ppm));
    let pool = fees.checked_sub(eco).and_then(|rest| rest.checked_sub(infra));
    match (pool, rest_ppm) {
        (Some(pool), Some(rest_ppm)) if due(eco_ppm) == Some(eco) && due(infra_ppm) == Some(infra) => {
            Ok((pool, rest_ppm))
        }
        _ => Err(SettleError::SharesInvalid {
            eco,
            infra,
            eco_ppm,
            infra_ppm,
            fees,
        }),
    }
}

/// What the age of works leaves of their worth.
enum Weights {
    /// Everything.
    Full,
    /// Works with their weights in ppm, by rising work.
    ByAge(Vec<(B256, u32)>),
}

impl Weights {
    fn new(inputs: &SettlementInputs, data: &SettlementData) -> Result<Self, SettleError> {
        let needed = inputs.parameters.half_life && !data.totals().is_empty();
        let opening = match (needed, data.registry()) {
            (false, None) => return Ok(Self::Full),
            (false, Some(_)) => return Err(SettleError::RegistryUnneeded),
            (true, None) => return Err(SettleError::RegistryMissing),
            (true, Some(opening)) => opening,
        };
        opening.verify(inputs.registry_commitment)?;
        let weight = |registered_at: u64| half_life_weight_ppm(inputs.ends_at.saturating_sub(registered_at));
        let mut weights: Vec<_> = opening
            .works()
            .map(|record| (record.work, weight(record.registered_at)))
            .collect();
        weights.sort_unstable();
        Ok(Self::ByAge(weights))
    }

    fn of(&self, work: B256) -> Result<u128, SettleError> {
        let Self::ByAge(weights) = self else { return Ok(PPM) };
        let found = weights.binary_search_by_key(&work, |(opened, _)| *opened).ok();
        let weight = found.and_then(|index| weights.get(index));
        weight
            .map(|(_, weight)| u128::from(*weight))
            .ok_or(SettleError::WorkNotOpened { work })
    }
}

/// A work in a tier: what this epoch brings it, and what it brought along.
#[derive(Debug, Default)]
struct Row {
    work: B256,
    tier: B256,
    /// With those carried in.
    reveals: u64,
    /// CLN wei before the work's age counts.
    gross: u128,
    /// CLN wei.
    value: u128,
    /// `value` and what was carried in, CLN wei.
    amount: u128,
}

impl Row {
    const fn carried(&self) -> CarriedEntry {
        CarriedEntry {
            work: self.work,
            tier: self.tier,
            reveals: self.reveals,
            amount: self.amount,
        }
    }
}

/// Both lists merged, by rising work and tier.
fn rows(data: &SettlementData, money: &Money, weights: &Weights) -> Result<Vec<Row>, SettleError> {
    let (mut totals, mut carried) = (data.totals().iter().peekable(), data.carried().iter().peekable());
    let mut rows = Vec::with_capacity(totals.len() + carried.len());
    loop {
        let order = match (totals.peek(), carried.peek()) {
            (None, None) => return Ok(rows),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(total), Some(carried)) => total.place().cmp(&carried.place()),
        };
        let total = if order.is_le() { totals.next() } else { None };
        let brought = if order.is_ge() { carried.next() } else { None };
        rows.push(row(total, brought, money, weights)?);
    }
}

fn row(
    total: Option<&TotalsEntry>,
    brought: Option<&CarriedEntry>,
    money: &Money,
    weights: &Weights,
) -> Result<Row, SettleError> {
    let mut row = Row::default();
    if let Some(total) = total {
        (row.work, row.tier) = total.place();
        row.reveals = total.reveals;
        row.gross = money.gross(total)?;
        let value = mul_div(row.gross, weights.of(row.work)?, PPM);
        row.value = value.ok_or(overflow("the value of a work's units"))?;
        row.amount = row.value;
    }
    if let Some(brought) = brought {
        (row.work, row.tier) = brought.place();
        let reveals = row.reveals.checked_add(brought.reveals);
        row.reveals = reveals.ok_or(overflow("the number of a work's reveals"))?;
        row.amount = sum([row.value, brought.amount], "the amount of a work in a tier")?;
    }
    Ok(row)
}

fn check_pool(rows: &[Row], pool: u128) -> Result<(), SettleError> {
    let gross = sum(rows.iter().map(|row| row.gross), "the worth of all units")?;
    if gross > pool {
        return Err(SettleError::PoolExceeded { gross, pool });
    }
    Ok(())
}

/// The payout list of rows by rising work. What was unclaimed is divided among them by what this epoch brought them.
fn payouts(listed: &[Row], unclaimed_in: u128) -> Result<Vec<Payout>, SettleError> {
    let value = sum(listed.iter().map(|row| row.value), "the worth of all listed units")?;
    let mut payouts: Vec<Payout> = Vec::with_capacity(listed.len());
    for row in listed {
        // Without value there is nothing to divide by.
        let bonus = mul_div(unclaimed_in, row.value, value.max(1)).ok_or(overflow("a bonus"))?;
        let before = payouts
            .pop_if(|last| last.work == row.work)
            .map_or(0, |last| last.amount);
        let payout = Payout {
            work: row.work,
            amount: sum([before, row.amount, bonus], "the amount of a work")?,
        };
        if payout.amount > MAX_AMOUNT {
            let Payout { work, amount } = payout;
            return Err(SettleError::AmountTooLarge { work, amount });
        }
        if payout.amount > 0 {
            payouts.push(payout);
        }
    }
    Ok(payouts)
}

fn settlement(
    epoch: u64,
    money: &Money,
    payouts: &[Payout],
    carried: &[CarriedEntry],
) -> Result<Settlement, SettleError> {
    let creators = sum(payouts.iter().map(|payout| payout.amount), "the sum of the payout list")?;
    let carried_on = sum(
        carried.iter().map(|entry| entry.amount),
        "the sum of what is carried on",
    )?;
    let unclaimed = money
        .rest
        .checked_sub(creators)
        .and_then(|rest| rest.checked_sub(carried_on));
    Ok(Settlement {
        creators: U256::from(creators),
        carried: U256::from(carried_on),
        unclaimed: U256::from(unclaimed.ok_or(overflow("what is left unclaimed"))?),
        payout_root: PayoutTree::new(epoch, payouts).root(),
        carried_root: carried_root(carried),
        payouts_hash: payouts_hash(payouts),
    })
}

fn sum(amounts: impl IntoIterator<Item = u128>, what: &'static str) -> Result<u128, SettleError> {
    let mut amounts = amounts.into_iter();
    amounts.try_fold(0, u128::checked_add).ok_or(overflow(what))
}

fn narrow(field: &'static str, value: U256) -> Result<u128, SettleError> {
    value.try_into().map_err(|_| SettleError::TooLarge { field, value })
}

const fn overflow(what: &'static str) -> SettleError {
    SettleError::Overflow { what }
}
