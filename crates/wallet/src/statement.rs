//! What will be reported of an epoch, for the listener to see and to change before anything is proven.
//!
//! In: the ledger's works, what the epoch fixes, the works' prices. Out: a row for each work that is reported, with its
//! share and units, and for each that is not, why. Every work that was listened to is in one of both lists. The rules
//! that leave something out or change it:
//!
//! - A work that the registry does not know, or whose minute costs nothing, earns nothing and takes no place.
//! - More works than a proof has slots: those of the largest weight stay; of equal ones, those of the lower ids.
//! - More seconds than the tier allows: all works are scaled down in proportion, rounded down. Shares stay what they are.
//! - Seconds and plays of one work beyond what a proof can hold are cut there.

use alloy_primitives::{B256, U256};
use cwe_usage::{Diminishing, Element, EpochTerms, MAX_PLAYS, MAX_SECONDS, SLOTS, Shares, Usage, UsageError};
use serde::{Deserialize, Serialize};

use crate::{
    chain::{WorkTable, WorkTerms},
    ids::WorkId,
    ledger::{Ledger, Listening},
};

/// Credibility of minutes that nobody but the listener vouches for.
const FULL_CREDIBILITY_PPM: u32 = 1_000_000;
const PPM: u64 = 1_000_000;

/// A work that is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The work.
    pub work: WorkId,
    /// As players recorded it.
    pub recorded_secs: u64,
    /// Likewise.
    pub recorded_plays: u64,
    /// As it goes into the proof.
    pub seconds: u32,
    /// Likewise.
    pub plays: u32,
    /// Micro-CLN a minute.
    pub price: u64,
    /// Factor of its region, ppm.
    pub region_ppm: u32,
    /// Its share of the fee before rounding to units, ppm, rounded down.
    pub share_ppm: u32,
    /// Hundredths of the fee. Before the epoch's key is fixed nobody knows which way they are rounded: none then.
    pub units: Option<u8>,
}

/// Why a work is not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The listener excluded it.
    Excluded,
    /// The listener set it to no time at all.
    NoTime,
    /// It is not in the registry in this epoch.
    NotRegistered,
    /// Its minute costs nothing.
    FreeOfCharge,
    /// There are more works than slots, and the others weigh more.
    BeyondSlots,
}

/// A work that is not reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The work.
    pub work: WorkId,
    /// As players recorded it.
    pub recorded_secs: u64,
    /// Likewise.
    pub recorded_plays: u64,
    /// Why.
    pub reason: Reason,
}

/// The whole epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Which.
    pub epoch: u64,
    /// Tier that is subscribed.
    pub tier: B256,
    /// Most seconds that the tier allows.
    pub allowance_secs: u64,
    /// Seconds of the reported works before they were scaled to the allowance.
    pub counted_secs: u64,
    /// Seconds that are reported.
    pub reported_secs: u64,
    /// What is reported, by rising work id.
    pub rows: Vec<Row>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
}

/// The part of [`EpochTerms`] that a statement needs, known before the epoch's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementTerms {
    /// Which epoch.
    pub epoch: u64,
    /// Tier that is subscribed.
    pub tier: B256,
    /// Most seconds that it allows.
    pub allowance_secs: u64,
    /// `k` of diminishing returns, ppm.
    pub diminishing_ppm: u32,
}

impl From<&EpochTerms> for StatementTerms {
    fn from(terms: &EpochTerms) -> Self {
        Self {
            epoch: terms.epoch,
            tier: terms.tier.into(),
            allowance_secs: terms.allowance_secs,
            diminishing_ppm: terms.diminishing_ppm,
        }
    }
}

impl Statement {
    /// What would be reported of `ledger`. `nullifier` is the listener's of the epoch, once its key is fixed. An epoch
    /// without anything to report has no rows.
    ///
    /// # Errors
    /// The terms can't be.
    pub fn new(
        ledger: &Ledger,
        terms: StatementTerms,
        works: &WorkTable,
        nullifier: Option<Element>,
    ) -> Result<Self, UsageError> {
        let diminishing = Diminishing::new(terms.diminishing_ppm)?;
        let mut left_out = Vec::new();
        let mut candidates = Vec::new();
        for (work, listening) in ledger.listening(terms.epoch) {
            match usage_of(work, &listening, works.get(&work)) {
                Ok(usage) => candidates.push(Candidate { work, listening, usage }),
                Err(reason) => left_out.push(LeftOut::new(work, &listening, reason)),
            }
        }
        for dropped in drop_lightest(&mut candidates, &diminishing) {
            left_out.push(LeftOut::new(dropped.work, &dropped.listening, Reason::BeyondSlots));
        }
        let counted_secs = seconds_of(&candidates);
        scale(&mut candidates, counted_secs, terms.allowance_secs);
        left_out.sort_by_key(|row| row.work);
        Ok(Self {
            epoch: terms.epoch,
            tier: terms.tier,
            allowance_secs: terms.allowance_secs,
            counted_secs,
            reported_secs: seconds_of(&candidates),
            rows: rows(&candidates, terms.allowance_secs, &diminishing, nullifier)?,
            left_out,
        })
    }

    /// Whether nothing can be proven: no work would get anything.
    pub fn is_empty(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.share_ppm == 0 && row.units.unwrap_or(0) == 0)
    }

    /// The rows as proofs take them.
    ///
    /// # Errors
    /// A work id is none, which can't be in a statement made here.
    pub fn usages(&self) -> Result<Vec<Usage>, cwe_usage::IdError> {
        let usage = |row: &Row| {
            Ok(Usage {
                work: row.work.to_usage()?,
                seconds: row.seconds,
                plays: row.plays,
                price: row.price,
                region: row.region_ppm,
                credibility: FULL_CREDIBILITY_PPM,
            })
        };
        self.rows.iter().map(usage).collect()
    }
}

impl LeftOut {
    const fn new(work: WorkId, listening: &Listening, reason: Reason) -> Self {
        Self {
            work,
            recorded_secs: listening.recorded_secs,
            recorded_plays: listening.recorded_plays,
            reason,
        }
    }
}

struct Candidate {
    work: WorkId,
    listening: Listening,
    usage: Usage,
}

fn usage_of(work: WorkId, listening: &Listening, terms: Option<&WorkTerms>) -> Result<Usage, Reason> {
    let (seconds, plays) = listening.counted().ok_or(Reason::Excluded)?;
    if seconds == 0 || plays == 0 {
        return Err(Reason::NoTime);
    }
    let terms = terms.ok_or(Reason::NotRegistered)?;
    if terms.price == 0 || terms.region_ppm == 0 {
        return Err(Reason::FreeOfCharge);
    }
    Ok(Usage {
        work: work.to_usage().map_err(|_| Reason::NotRegistered)?,
        seconds: u32::try_from(seconds).unwrap_or(MAX_SECONDS).min(MAX_SECONDS),
        plays: u32::try_from(plays).unwrap_or(MAX_PLAYS).min(MAX_PLAYS),
        price: terms.price,
        region: terms.region_ppm,
        credibility: FULL_CREDIBILITY_PPM,
    })
}

/// Keeps the heaviest works, by rising id, and returns the others.
fn drop_lightest(candidates: &mut Vec<Candidate>, diminishing: &Diminishing) -> Vec<Candidate> {
    if candidates.len() <= SLOTS {
        return Vec::new();
    }
    candidates.sort_by_cached_key(|candidate| (std::cmp::Reverse(candidate.usage.weight(diminishing)), candidate.work));
    let dropped = candidates.split_off(SLOTS);
    candidates.sort_by_key(|candidate| candidate.work);
    dropped
}

fn seconds_of(candidates: &[Candidate]) -> u64 {
    candidates
        .iter()
        .map(|candidate| u64::from(candidate.usage.seconds))
        .sum()
}

fn scale(candidates: &mut [Candidate], counted_secs: u64, allowance_secs: u64) {
    if counted_secs <= allowance_secs {
        return;
    }
    for candidate in candidates {
        let scaled = u128::from(candidate.usage.seconds) * u128::from(allowance_secs) / u128::from(counted_secs);
        // Below what it was, since the allowance is below the sum.
        candidate.usage.seconds = u32::try_from(scaled).unwrap_or(candidate.usage.seconds);
    }
}

fn rows(
    candidates: &[Candidate],
    allowance_secs: u64,
    diminishing: &Diminishing,
    nullifier: Option<Element>,
) -> Result<Vec<Row>, UsageError> {
    let usages: Vec<_> = candidates.iter().map(|candidate| candidate.usage).collect();
    let weights: Vec<_> = usages.iter().map(|usage| usage.weight(diminishing)).collect();
    let total: U256 = weights.iter().sum();
    let units = match nullifier {
        Some(nullifier) if !total.is_zero() => {
            Some(Shares::new(&usages, allowance_secs, diminishing, nullifier)?.units)
        }
        _ => None,
    };
    let row = |(position, candidate): (usize, &Candidate)| Row {
        work: candidate.work,
        recorded_secs: candidate.listening.recorded_secs,
        recorded_plays: candidate.listening.recorded_plays,
        seconds: candidate.usage.seconds,
        plays: candidate.usage.plays,
        price: candidate.usage.price,
        region_ppm: candidate.usage.region,
        share_ppm: weights.get(position).map_or(0, |weight| share_ppm(*weight, total)),
        units: units.as_ref().and_then(|units| units.get(position).copied()),
    };
    Ok(candidates.iter().enumerate().map(row).collect())
}

fn share_ppm(weight: U256, total: U256) -> u32 {
    let share = (weight * U256::from(PPM)).checked_div(total).unwrap_or_default();
    u32::try_from(share).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        ids::DeviceId,
        ledger::{Ruling, Session},
    };

    const TERMS: StatementTerms = StatementTerms {
        epoch: 1,
        tier: B256::with_last_byte(7),
        allowance_secs: 10_000,
        diminishing_ppm: 0,
    };

    fn work(number: u64) -> WorkId {
        WorkId::try_from(B256::from(U256::from(number))).unwrap()
    }

    fn ledger(rows: &[(u64, u32)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (sequence, (number, seconds)) in (0..).zip(rows) {
            let session = Session {
                device: DeviceId::from_bytes([1; 16]),
                sequence,
                work: work(*number),
                seconds: *seconds,
                plays: 1,
                started_hour: 0,
            };
            ledger.add(1, session).unwrap();
        }
        ledger
    }

    fn table(numbers: impl IntoIterator<Item = u64>) -> WorkTable {
        let terms = WorkTerms {
            price: 1000,
            region_ppm: 1_000_000,
        };
        numbers.into_iter().map(|number| (work(number), terms)).collect()
    }

    fn statement(ledger: &Ledger, works: &WorkTable) -> Statement {
        Statement::new(ledger, TERMS, works, Some(Element::from(5))).unwrap()
    }

    #[test]
    fn one_work_gets_the_whole_fee() {
        let statement = statement(&ledger(&[(1, 60)]), &table([1]));
        assert_eq!(statement.rows[0].units, Some(100));
        assert_eq!(statement.rows[0].share_ppm, 1_000_000);
        assert!(statement.left_out.is_empty() && !statement.is_empty());
    }

    #[test]
    fn an_empty_month_is_a_statement_without_rows() {
        let statement = statement(&Ledger::default(), &table([1]));
        assert!(statement.is_empty() && statement.rows.is_empty());
    }

    #[test]
    fn more_works_than_slots_keep_the_heaviest_and_name_the_others() {
        let many: Vec<_> = (1..=SLOTS as u64 + 3).zip((10..60).cycle()).collect();
        let statement = Statement::new(&ledger(&many), TERMS, &table(1..1000), Some(Element::from(5))).unwrap();
        assert_eq!(statement.rows.len(), SLOTS);
        assert_eq!(statement.left_out.len(), 3);
        let lightest = statement.rows.iter().map(|row| row.seconds).min().unwrap();
        for left_out in &statement.left_out {
            assert_eq!(left_out.reason, Reason::BeyondSlots);
            assert!(left_out.recorded_secs <= lightest.into());
        }
        assert!(statement.rows.windows(2).all(|pair| pair[0].work < pair[1].work));
    }

    #[test]
    fn of_equal_works_beyond_the_slots_the_lower_ids_stay() {
        let equal: Vec<_> = (1..=SLOTS as u64 + 2).map(|number| (number, 10)).collect();
        let statement = statement(&ledger(&equal), &table(1..1000));
        let left_out: Vec<_> = statement.left_out.iter().map(|row| row.work).collect();
        assert_eq!(left_out, [work(SLOTS as u64 + 1), work(SLOTS as u64 + 2)]);
    }

    #[test]
    fn minutes_over_the_allowance_are_scaled_and_shares_stay() {
        let over = statement(&ledger(&[(1, 30_000), (2, 10_000)]), &table([1, 2]));
        assert_eq!(over.counted_secs, 40_000);
        assert_eq!(over.reported_secs, 10_000);
        assert_eq!(
            over.rows.iter().map(|row| row.seconds).collect::<Vec<_>>(),
            [7_500, 2_500]
        );
        assert_eq!(over.rows[0].recorded_secs, 30_000);
        assert_eq!(over.rows[0].share_ppm, 750_000);
    }

    #[test]
    fn what_is_not_reported_says_why() {
        let mut ledger = ledger(&[(1, 60), (2, 60), (3, 60), (4, 60), (5, 60)]);
        let device = DeviceId::from_bytes([1; 16]);
        ledger.correct(1, work(2), device, Ruling::Excluded).unwrap();
        ledger
            .correct(1, work(5), device, Ruling::Set { seconds: 0, plays: 0 })
            .unwrap();
        let mut works = table([1, 2, 4, 5]);
        works.get_mut(&work(4)).unwrap().price = 0;
        let statement = statement(&ledger, &works);
        let reasons: Vec<_> = statement.left_out.iter().map(|row| (row.work, row.reason)).collect();
        assert_eq!(
            reasons,
            [
                (work(2), Reason::Excluded),
                (work(3), Reason::NotRegistered),
                (work(4), Reason::FreeOfCharge),
                (work(5), Reason::NoTime),
            ]
        );
        assert_eq!(statement.rows.len(), 1);
    }

    #[test]
    fn before_the_key_is_fixed_there_are_shares_but_no_units() {
        let statement = Statement::new(&ledger(&[(1, 30), (2, 10)]), TERMS, &table([1, 2]), None).unwrap();
        assert_eq!(statement.rows[0].share_ppm, 750_000);
        assert!(statement.rows.iter().all(|row| row.units.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_statement_can_be_proven_and_loses_no_work(
            rows in prop::collection::vec((1_u64..300, 1_u32..80_000), 0..200), known in 0_u64..300, allowance in 0_u64..200_000,
        ) {
            let ledger = ledger(&rows);
            let terms = StatementTerms { allowance_secs: allowance, ..TERMS };
            let statement = Statement::new(&ledger, terms, &table(1..=known), Some(Element::from(99))).unwrap();
            let works: std::collections::BTreeSet<_> = rows.iter().map(|(number, _)| work(*number)).collect();
            prop_assert_eq!(statement.rows.len() + statement.left_out.len(), works.len());
            prop_assert!(statement.reported_secs <= allowance);
            let units: u32 = statement.rows.iter().map(|row| u32::from(row.units.unwrap_or(0))).sum();
            prop_assert_eq!(units, if statement.is_empty() { 0 } else { 100 });
            let encoded = postcard::to_allocvec(&statement).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Statement>(&encoded).unwrap(), statement);
        }
    }
}
