//! What a work's age takes from its payout: `0.1 + 0.9 · 2^(−age / 8.548 years)`, in integers.
//!
//! The exponent is split into whole halvings and a fraction of 32 bits. `2^−fraction` is the product of
//! `2^−(2^−i)` over the fraction's bits `i` that are set, each of these the integer square root of the one before, in
//! steps of 2⁻⁶³. That is within 2⁻³¹ of the real curve, relatively, far below the ppm that the weight is given in, and
//! never rises with the age: one step of the fraction is worth 2⁻³³, all roundings together less than 2⁻⁵⁶.

/// What a work keeps at any age, in ppm.
pub const FLOOR_PPM: u32 = 100_000;

/// What fades, in ppm.
const FADING_PPM: u64 = 900_000;
/// Tenths of seconds in 8.548 years of 365.25 days, after which what fades has halved.
const HALF_LIFE_TENTHS: u128 = 8_548 * 315_576;
/// Bits of the fraction of a halving.
const FRACTION_BITS: usize = 32;
/// What stands for 1 is `2^ONE_BITS`.
const ONE_BITS: u32 = 63;
/// `2^−(2^−i)` for i = 1 … 32.
const ROOTS: [u64; FRACTION_BITS] = roots();

#[allow(clippy::cast_possible_truncation, reason = "the root of less than 2¹²⁶ is below 2⁶³")]
const fn roots() -> [u64; FRACTION_BITS] {
    let mut roots = [0; FRACTION_BITS];
    let mut square = 1_u128 << (2 * ONE_BITS - 1);
    let mut i = 0;
    while i < FRACTION_BITS {
        roots[i] = square.isqrt() as u64;
        square = (roots[i] as u128) << ONE_BITS;
        i += 1;
    }
    roots
}

/// Weight of a work of this age in seconds, in ppm: 1 000 000 at age 0, falling to [`FLOOR_PPM`].
pub fn half_life_weight_ppm(age_secs: u64) -> u32 {
    let tenths = u128::from(age_secs) * 10;
    let fraction = ((tenths % HALF_LIFE_TENTHS) << FRACTION_BITS) / HALF_LIFE_TENTHS;
    let set = |bit: usize| (fraction >> (FRACTION_BITS - 1 - bit)) & 1 == 1;
    let share = ROOTS
        .iter()
        .enumerate()
        .filter(|(bit, _)| set(*bit))
        .fold(1_u128 << ONE_BITS, |share, (_, root)| {
            (share * u128::from(*root)) >> ONE_BITS
        });
    let halvings = u32::try_from(tenths / HALF_LIFE_TENTHS).unwrap_or(u32::MAX);
    let faded = share.checked_shr(halvings).unwrap_or_default();
    let fading = (u128::from(FADING_PPM) * faded) >> ONE_BITS;
    // At most FADING_PPM.
    FLOOR_PPM + u32::try_from(fading).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::PPM;

    const HALF_LIFE_SECS: f64 = 8.548 * 365.25 * 86_400.0;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        age_secs: u64,
        weight_ppm: u32,
        /// Of the real curve, with more digits than a float has.
        exact_ppm: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        weights: Vec<Vector>,
    }

    fn real(age_secs: u64) -> f64 {
        100_000.0 + 900_000.0 * (-(age_secs as f64) / HALF_LIFE_SECS).exp2()
    }

    #[test]
    fn the_kept_weights_are_those_of_the_real_curve_rounded_down() {
        let vectors: Vectors = serde_json::from_str(include_str!("../../../test/vectors/half-life.json")).unwrap();
        assert!(vectors.weights.len() >= 50);
        for vector in vectors.weights {
            let weight = half_life_weight_ppm(vector.age_secs);
            assert_eq!(weight, vector.weight_ppm, "at {} s", vector.age_secs);
            let (whole, _) = vector.exact_ppm.split_once('.').unwrap();
            assert_eq!(weight, whole.parse::<u32>().unwrap(), "at {} s", vector.age_secs);
            let exact: f64 = vector.exact_ppm.parse().unwrap();
            assert!((real(vector.age_secs) - exact).abs() < 1e-3, "at {} s", vector.age_secs);
        }
    }

    #[test]
    fn a_new_work_has_its_full_weight_and_an_old_one_a_tenth() {
        assert_eq!(u128::from(half_life_weight_ppm(0)), PPM);
        assert_eq!(half_life_weight_ppm(269_754_364), 550_000);
        assert_eq!(half_life_weight_ppm(269_754_365), 549_999);
        let ten_years = half_life_weight_ppm(10 * 31_557_600);
        assert!(ten_years.abs_diff(500_000) <= 1_000, "{ten_years}");
        assert_eq!(half_life_weight_ppm(u64::MAX), FLOOR_PPM);
    }

    #[test]
    fn the_weight_never_rises_where_a_halving_ends() {
        for halvings in 1..30_u64 {
            let around = halvings * 2_697_543_648 / 10;
            let weights: Vec<_> = (around - 3..around + 3).map(half_life_weight_ppm).collect();
            assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
        }
    }

    proptest! {
        #[test]
        fn the_weight_is_the_curves_and_never_rises(age in 0..3_000_000_000_u64, later in 0..1_000_000_000_u64) {
            let (weight, after) = (half_life_weight_ppm(age), half_life_weight_ppm(age + later));
            prop_assert!(after <= weight);
            prop_assert!((u64::from(FLOOR_PPM)..=1_000_000).contains(&u64::from(weight)));
            let below = real(age) - f64::from(weight);
            prop_assert!((-1e-3..1.0 + 1e-3).contains(&below), "{} at {}", below, age);
        }
    }
}
