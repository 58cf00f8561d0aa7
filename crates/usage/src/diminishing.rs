//! Diminishing returns: `D(v)` = mean over j < v of 1 / (1 + k·j), in steps of 2⁻²⁴.

use alloc::vec::Vec;

use alloy_primitives::U256;

use crate::UsageError;

/// What stands for 1: a first play counts in full.
pub const ONE: u64 = 1 << 24;
/// Plays of a work that count. Later ones add nothing to the sum, so that a bot gains nothing by them.
pub const MAX_COUNTED_PLAYS: usize = 256;
/// Largest `k`, as in `EconomyParameters`.
pub const MAX_DIMINISHING_PPM: u32 = 1_000_000_000;

const PPM: u64 = 1_000_000;

/// The sums of an epoch's `k`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diminishing {
    k_ppm: u32,
    /// By plays: what they count together, in 2⁻²⁴; from 0 plays on.
    sums: Vec<u64>,
}

impl Diminishing {
    /// For `k` in ppm.
    ///
    /// # Errors
    /// [`UsageError::DiminishingTooHigh`].
    pub fn new(k_ppm: u32) -> Result<Self, UsageError> {
        if k_ppm > MAX_DIMINISHING_PPM {
            return Err(UsageError::DiminishingTooHigh { k_ppm });
        }
        let mut sums = Vec::with_capacity(MAX_COUNTED_PLAYS + 1);
        let mut sum = 0;
        sums.push(sum);
        for play in 0..MAX_COUNTED_PLAYS as u64 {
            sum += ONE * PPM / (PPM + u64::from(k_ppm) * play);
            sums.push(sum);
        }
        Ok(Self { k_ppm, sums })
    }

    /// `k` in ppm.
    pub const fn k_ppm(&self) -> u32 {
        self.k_ppm
    }

    /// `S(v)` = Σ over j < min(v, 256) of ⌊2²⁴ · 10⁶ / (10⁶ + k·j)⌋.
    pub fn sum(&self, plays: u32) -> u64 {
        let counted = (plays as usize).min(MAX_COUNTED_PLAYS);
        self.sums.get(counted).copied().unwrap_or_default()
    }

    /// `D(v)` = ⌊S(v) / v⌋, at most 2²⁴; 0 for no plays.
    pub fn factor(&self, plays: u32) -> U256 {
        U256::from(self.sum(plays).checked_div(plays.into()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_k_nothing_diminishes() {
        let none = Diminishing::new(0).unwrap();
        for plays in [1, 2, 7, 256] {
            assert_eq!(none.factor(plays), U256::from(ONE));
        }
    }

    #[test]
    fn by_default_the_second_play_counts_half() {
        let default = Diminishing::new(1_000_000).unwrap();
        assert_eq!(default.factor(1), U256::from(ONE));
        assert_eq!(default.factor(2), U256::from(ONE * 3 / 4));
        // 1 + 1/2 + 1/3, rounded down term by term, then divided by three.
        assert_eq!(default.factor(3), U256::from((ONE + ONE / 2 + ONE / 3) / 3));
    }

    #[test]
    fn the_mean_is_the_real_one_to_a_step() {
        for k_ppm in [1, 50_000, 1_000_000, 30_000_000, MAX_DIMINISHING_PPM] {
            let table = Diminishing::new(k_ppm).unwrap();
            let k = f64::from(k_ppm) / 1e6;
            for plays in [1_u32, 2, 10, 100, 256] {
                let mean = (0..plays).map(|play| 1.0 / (1.0 + k * f64::from(play))).sum::<f64>() / f64::from(plays);
                let factor = f64::from(u32::try_from(table.factor(plays)).unwrap());
                assert!((factor - mean * ONE as f64).abs() <= 2.0, "{k_ppm} {plays}: {factor}");
            }
        }
    }

    #[test]
    fn more_plays_never_count_less_together_nor_more_each() {
        let table = Diminishing::new(1_000_000).unwrap();
        for plays in 1..2000 {
            assert!(table.sum(plays + 1) >= table.sum(plays));
            assert!(table.factor(plays + 1) <= table.factor(plays));
        }
        assert_eq!(table.sum(u32::MAX), table.sum(256));
    }

    #[test]
    fn no_plays_and_a_k_beyond_the_bound() {
        assert_eq!(Diminishing::new(1).unwrap().factor(0), U256::ZERO);
        let k_ppm = MAX_DIMINISHING_PPM + 1;
        assert_eq!(Diminishing::new(k_ppm), Err(UsageError::DiminishingTooHigh { k_ppm }));
    }
}
