//! The division of one fee among works: weights, and their rounding to [`UNITS`] units.
//!
//! `V_i = seconds · price · region · credibility · D(plays)`; `C_i` is the running sum and `W = C_M`. With the offset
//! `o = ⌊x · W / 2⁸⁴⌋`, `x` the low 84 bits of the nullifier, `q_i = ⌊(U·C_i + o) / W⌋` and `units_i = q_i − q_{i−1}`.
//! As `o < W`, the units sum to exactly U; each is within one of `U·V_i/W`; and since `x` is uniform over subscribers,
//! the mean of each is proportional.

use alloc::vec::Vec;

use alloy_primitives::U256;

use crate::{Diminishing, Element, MAX_DIMINISHING_PPM, SLOTS, WorkId};

/// Units that a fee is divided into.
pub const UNITS: u8 = 100;
/// Most seconds of one work, a little over half a year.
pub const MAX_SECONDS: u32 = (1 << 24) - 1;
/// Most plays of one work.
pub const MAX_PLAYS: u32 = (1 << 24) - 1;
/// Largest region factor and credibility, in ppm.
pub const MAX_FACTOR_PPM: u32 = (1 << 24) - 1;
/// Largest allowance of a tier.
pub const MAX_ALLOWANCE_SECS: u64 = (1 << 48) - 1;
/// Low bits of the nullifier that make the offset of the rounding.
pub const OFFSET_BITS: usize = 84;

/// How much of one work was used in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The work.
    pub work: WorkId,
    /// Seconds listened, all plays together; at most [`MAX_SECONDS`].
    pub seconds: u32,
    /// Times played, 1 … [`MAX_PLAYS`].
    pub plays: u32,
    /// Price in micro-CLN a minute, as the registry has it in this epoch.
    pub price: u64,
    /// Factor of the work's region rule in this epoch, in ppm; at most [`MAX_FACTOR_PPM`].
    pub region: u32,
    /// How far the seconds are vouched for, in ppm, by default 1 000 000; at most [`MAX_FACTOR_PPM`].
    pub credibility: u32,
}

/// Why a ledger can't be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// More works than a proof has slots.
    #[error("{works} works were used and a proof takes {max}: leave the smallest ones out", max = SLOTS)]
    TooManyWorks {
        /// Works given.
        works: usize,
    },
    /// The same work twice: merge the rows first.
    #[error("work {work:?} is listed twice: add its seconds and plays up in one row")]
    DuplicateWork {
        /// The work.
        work: WorkId,
    },
    /// No work has any weight.
    #[error("nothing to report: no work has seconds, a price and a factor above zero")]
    NothingToReport,
    /// More seconds than the tier pays for.
    #[error("{seconds} s were used and the tier allows {allowance_secs} s: leave some out")]
    SecondsOverAllowance {
        /// Seconds of all works.
        seconds: u64,
        /// Seconds allowed.
        allowance_secs: u64,
    },
    /// A number of a row is out of its range.
    #[error("{field} of work {work:?} is {value}, allowed are {min} to {max}")]
    OutOfRange {
        /// The work.
        work: WorkId,
        /// Which number.
        field: &'static str,
        /// Its value.
        value: u32,
        /// Least allowed.
        min: u32,
        /// Most allowed.
        max: u32,
    },
    /// A tier's allowance beyond what contracts can hold.
    #[error("an allowance of {allowance_secs} s is beyond {max} s", max = MAX_ALLOWANCE_SECS)]
    AllowanceTooHigh {
        /// The allowance.
        allowance_secs: u64,
    },
    /// A `k` that no governance can set.
    #[error("k is {k_ppm} ppm, at most {max} is allowed", max = MAX_DIMINISHING_PPM)]
    DiminishingTooHigh {
        /// `k` in ppm.
        k_ppm: u32,
    },
    /// The slots given are not as many as works, distinct, in rising order and below [`SLOTS`].
    #[error("the slots for {works} works must be as many, below {max} and in rising order", max = SLOTS)]
    SlotsInvalid {
        /// Works given.
        works: usize,
    },
    /// Not one blinding for every slot.
    #[error("{given} blindings were given, every one of the {max} slots needs its own", max = SLOTS)]
    BlindingsInvalid {
        /// Blindings given.
        given: usize,
    },
    /// A nullifier in the last 2⁸⁴ numbers below the modulus, which the circuit leaves out: one in 2¹⁶⁹.
    #[error("the nullifier is too close to the modulus to be proven with")]
    NullifierTooHigh,
}

impl Usage {
    /// `V`: at most 2¹⁶⁰.
    pub fn weight(&self, diminishing: &Diminishing) -> U256 {
        let factors = [
            u64::from(self.seconds),
            self.price,
            self.region.into(),
            self.credibility.into(),
        ];
        factors.iter().fold(diminishing.factor(self.plays), |product, factor| {
            product * U256::from(*factor)
        })
    }

    fn check(&self) -> Result<(), UsageError> {
        let rows = [
            ("seconds", self.seconds, 0, MAX_SECONDS),
            ("plays", self.plays, 1, MAX_PLAYS),
            ("region", self.region, 0, MAX_FACTOR_PPM),
            ("credibility", self.credibility, 0, MAX_FACTOR_PPM),
        ];
        for (field, value, min, max) in rows {
            if value < min || value > max {
                let work = self.work;
                return Err(UsageError::OutOfRange {
                    work,
                    field,
                    value,
                    min,
                    max,
                });
            }
        }
        Ok(())
    }
}

/// A ledger divided into units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// The rows, by rising work id.
    pub usages: Vec<Usage>,
    /// Units of each row; together [`UNITS`].
    pub units: Vec<u8>,
}

impl Shares {
    /// Divides the fee among `usages`, in whatever order they come.
    ///
    /// # Errors
    /// [`UsageError`] for a ledger that can't be proven.
    pub fn new(
        usages: &[Usage],
        allowance_secs: u64,
        diminishing: &Diminishing,
        nullifier: Element,
    ) -> Result<Self, UsageError> {
        let usages = sorted(usages)?;
        check_allowance(&usages, allowance_secs)?;
        let weights: Vec<_> = usages.iter().map(|usage| usage.weight(diminishing)).collect();
        let units = divide(&weights, nullifier)?;
        Ok(Self { usages, units })
    }
}

fn sorted(usages: &[Usage]) -> Result<Vec<Usage>, UsageError> {
    let works = usages.len();
    if works > SLOTS {
        return Err(UsageError::TooManyWorks { works });
    }
    usages.iter().try_for_each(Usage::check)?;
    let mut usages = usages.to_vec();
    usages.sort_by_key(|usage| usage.work);
    let twice = usages.windows(2).find_map(|pair| match pair {
        [one, other] if one.work == other.work => Some(one.work),
        _ => None,
    });
    match twice {
        Some(work) => Err(UsageError::DuplicateWork { work }),
        None => Ok(usages),
    }
}

fn check_allowance(usages: &[Usage], allowance_secs: u64) -> Result<(), UsageError> {
    if allowance_secs > MAX_ALLOWANCE_SECS {
        return Err(UsageError::AllowanceTooHigh { allowance_secs });
    }
    let seconds = usages.iter().map(|usage| u64::from(usage.seconds)).sum();
    if seconds > allowance_secs {
        return Err(UsageError::SecondsOverAllowance {
            seconds,
            allowance_secs,
        });
    }
    Ok(())
}

/// Cumulative rounding of at most [`SLOTS`] weights of at most 2¹⁶⁰.
fn divide(weights: &[U256], nullifier: Element) -> Result<Vec<u8>, UsageError> {
    let total: U256 = weights.iter().sum();
    if total.is_zero() {
        return Err(UsageError::NothingToReport);
    }
    let mut sum = offset(total, nullifier)?;
    let mut before = 0;
    let rounded = weights.iter().map(|weight| {
        sum += U256::from(UNITS) * weight;
        // At most UNITS: the offset is below the total.
        let after = u8::try_from(sum / total).unwrap_or(UNITS);
        let units = after - before;
        before = after;
        units
    });
    Ok(rounded.collect())
}

/// `o = ⌊x · W / 2⁸⁴⌋`, `x` the low 84 bits of the nullifier.
fn offset(total: U256, nullifier: Element) -> Result<U256, UsageError> {
    let number = nullifier.to_uint();
    if number >> OFFSET_BITS >= Element::modulus() >> OFFSET_BITS {
        return Err(UsageError::NullifierTooHigh);
    }
    let low = number & ((U256::from(1) << OFFSET_BITS) - U256::from(1));
    Ok((low * total) >> OFFSET_BITS)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use proptest::prelude::*;

    use super::*;

    fn work(number: u64) -> WorkId {
        WorkId::try_from(B256::from(U256::from(number))).unwrap()
    }

    fn usage(number: u64, seconds: u32) -> Usage {
        Usage {
            work: work(number),
            seconds,
            plays: 1,
            price: 1000,
            region: 1_000_000,
            credibility: 1_000_000,
        }
    }

    fn shares(usages: &[Usage], nullifier: u64) -> Result<Shares, UsageError> {
        let diminishing = Diminishing::new(1_000_000).unwrap();
        Shares::new(usages, MAX_ALLOWANCE_SECS, &diminishing, Element::from(nullifier))
    }

    #[test]
    fn one_work_gets_everything() {
        assert_eq!(shares(&[usage(5, 1)], 0).unwrap().units, [100]);
        let high = Element::try_from((U256::from(1) << OFFSET_BITS) - U256::from(1)).unwrap();
        let diminishing = Diminishing::new(0).unwrap();
        assert_eq!(Shares::new(&[usage(5, 1)], 1, &diminishing, high).unwrap().units, [100]);
    }

    #[test]
    fn the_largest_ledger_does_not_overflow() {
        let largest = |number| Usage {
            work: work(number),
            seconds: MAX_SECONDS,
            plays: 1,
            price: u64::MAX,
            region: MAX_FACTOR_PPM,
            credibility: MAX_FACTOR_PPM,
        };
        let usages: Vec<_> = (1..=SLOTS as u64).map(largest).collect();
        assert!(usages[0].weight(&Diminishing::new(0).unwrap()) <= U256::from(1) << 160);
        let high = Element::try_from((U256::from(1) << OFFSET_BITS) - U256::from(1)).unwrap();
        let shares = Shares::new(&usages, MAX_ALLOWANCE_SECS, &Diminishing::new(0).unwrap(), high).unwrap();
        assert_eq!(shares.units.iter().map(|units| u32::from(*units)).sum::<u32>(), 100);
    }

    #[test]
    fn ledgers_that_cannot_be_proven_are_refused_with_the_reason() {
        assert_eq!(shares(&[], 0), Err(UsageError::NothingToReport));
        assert_eq!(shares(&[usage(1, 0)], 0), Err(UsageError::NothingToReport));
        let twice = [usage(2, 1), usage(1, 1), usage(2, 1)];
        assert_eq!(shares(&twice, 0), Err(UsageError::DuplicateWork { work: work(2) }));
        let many: Vec<_> = (1..=129).map(|number| usage(number, 1)).collect();
        assert_eq!(shares(&many, 0), Err(UsageError::TooManyWorks { works: 129 }));
        let over = UsageError::SecondsOverAllowance {
            seconds: 11,
            allowance_secs: 10,
        };
        let diminishing = Diminishing::new(0).unwrap();
        assert_eq!(
            Shares::new(&[usage(1, 5), usage(2, 6)], 10, &diminishing, Element::ZERO),
            Err(over)
        );
        let allowance_secs = MAX_ALLOWANCE_SECS + 1;
        let refused = Shares::new(&[usage(1, 5)], allowance_secs, &diminishing, Element::ZERO);
        assert_eq!(refused, Err(UsageError::AllowanceTooHigh { allowance_secs }));
        let highest = Element::try_from(Element::modulus() - U256::from(1)).unwrap();
        let refused = Shares::new(&[usage(1, 5)], 10, &diminishing, highest);
        assert_eq!(refused, Err(UsageError::NullifierTooHigh));
    }

    #[test]
    fn every_number_of_a_row_has_its_range() {
        let good = usage(1, 1);
        let bad = [
            (
                "seconds",
                Usage {
                    seconds: MAX_SECONDS + 1,
                    ..good
                },
            ),
            ("plays", Usage { plays: 0, ..good }),
            (
                "plays",
                Usage {
                    plays: MAX_PLAYS + 1,
                    ..good
                },
            ),
            (
                "region",
                Usage {
                    region: MAX_FACTOR_PPM + 1,
                    ..good
                },
            ),
            (
                "credibility",
                Usage {
                    credibility: MAX_FACTOR_PPM + 1,
                    ..good
                },
            ),
        ];
        for (name, row) in bad {
            assert!(
                matches!(shares(&[row], 0), Err(UsageError::OutOfRange { field, .. }) if field == name),
                "{name}"
            );
        }
    }

    #[test]
    fn rounding_is_unbiased_over_nullifiers() {
        // A third of the fee each: 33 or 34 units, on the mean 33 1/3.
        let usages = [usage(1, 10), usage(2, 10), usage(3, 10)];
        let diminishing = Diminishing::new(0).unwrap();
        let mut sums = [0_u32; 3];
        let draws = 3000_u64;
        for draw in 0..draws {
            let low = U256::from(draw) * (U256::from(1) << OFFSET_BITS) / U256::from(draws);
            let nullifier = Element::try_from(low).unwrap();
            let shares = Shares::new(&usages, 100, &diminishing, nullifier).unwrap();
            for (sum, units) in sums.iter_mut().zip(shares.units) {
                *sum += u32::from(units);
            }
        }
        for sum in sums {
            assert!(sum.abs_diff(100_000) <= 2, "{sums:?}");
        }
    }

    prop_compose! {
        fn row()(id in 1_u64.., seconds in 0..=MAX_SECONDS, plays in 1_u32..2000, price in 0_u64.., region in 0..=10_000_000_u32,
            credibility in 0..=1_000_000_u32) -> Usage {
            Usage { work: work(id), seconds, plays, price, region, credibility }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn units_sum_to_the_fee_and_are_within_one_of_proportional(
            mut rows in prop::collection::vec(row(), 1..=SLOTS), k_ppm in 0..=MAX_DIMINISHING_PPM, nullifier: u64,
            turn: usize,
        ) {
            rows.sort_by_key(|row| row.work);
            rows.dedup_by_key(|row| row.work);
            let diminishing = Diminishing::new(k_ppm).unwrap();
            let nullifier = crate::poseidon::hash(Element::from(nullifier), Element::ZERO);
            let total: U256 = rows.iter().map(|row| row.weight(&diminishing)).sum();
            let shares = match Shares::new(&rows, MAX_ALLOWANCE_SECS, &diminishing, nullifier) {
                Ok(shares) => shares,
                Err(error) => {
                    prop_assert_eq!(error, UsageError::NothingToReport);
                    prop_assert!(total.is_zero());
                    return Ok(());
                }
            };
            prop_assert_eq!(shares.units.iter().map(|units| u32::from(*units)).sum::<u32>(), 100);
            for (row, units) in shares.usages.iter().zip(&shares.units) {
                let exact = U256::from(UNITS) * row.weight(&diminishing);
                let given = U256::from(*units) * total;
                prop_assert!(exact.abs_diff(given) < total);
                prop_assert!(*units == 0 || !exact.is_zero(), "units without weight");
            }
            let turn = turn % rows.len();
            rows.rotate_left(turn);
            prop_assert_eq!(Shares::new(&rows, MAX_ALLOWANCE_SECS, &diminishing, nullifier), Ok(shares));
        }
    }
}
