use core::{fmt, str::FromStr};
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// A sketch of a work in 256 bits, kept on chain: re-encodings of a work have sketches that differ in few bits,
/// unrelated works in about half of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FpId(pub [u8; 32]);

const BITS: usize = 256;

impl FpId {
    /// In how many bits two sketches differ.
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

/// How alike two works are by their sketches: 1 the same, 0 unrelated.
#[must_use]
pub fn compare(a: &FpId, b: &FpId) -> f32 {
    let unrelated = 128.0_f32;
    let distance = u16::try_from(a.distance(b)).map_or(unrelated, f32::from);
    (1.0 - distance / unrelated).max(0.0)
}

/// The SimHash of weighted features: each feature's SHA-256 votes on every bit with the feature's weight. A bit without
/// a majority is 0.
pub(crate) fn simhash<'a>(features: impl Iterator<Item = (&'a [u8], i64)>) -> FpId {
    // There are few weights, and most features have the same.
    let mut by_weight = BTreeMap::<i64, Ones>::new();
    for (feature, weight) in features {
        let hash = Sha256::digest(feature);
        by_weight.entry(weight).or_default().add(&hash.into());
    }
    let mut votes = [0_i64; BITS];
    for (weight, ones) in &by_weight {
        ones.add_votes(*weight, &mut votes);
    }
    let mut sketch = [0_u8; 32];
    for (bit, _) in votes.iter().enumerate().filter(|(_, vote)| **vote > 0) {
        sketch[bit / 8] |= 1 << (7 - bit % 8);
    }
    FpId(sketch)
}

/// In how many hashes each bit is set: counters of all bits side by side, so that a hash is added in a few operations on
/// whole words.
#[derive(Default)]
struct Ones {
    hashes: i64,
    /// The counters' lowest digits, then the next higher ones.
    digits: Vec<[u64; BITS / 64]>,
}

impl Ones {
    fn add(&mut self, hash: &[u8; BITS / 8]) {
        self.hashes += 1;
        let (words, _) = hash.as_chunks();
        let mut carry: [u64; BITS / 64] = core::array::from_fn(|word| u64::from_be_bytes(words[word]));
        for digits in &mut self.digits {
            for (digits, carry) in digits.iter_mut().zip(&mut carry) {
                (*digits, *carry) = (*digits ^ *carry, *digits & *carry);
            }
        }
        if carry != [0; BITS / 64] {
            self.digits.push(carry);
        }
    }

    /// A bit that is set votes for, one that is not against.
    fn add_votes(&self, weight: i64, votes: &mut [i64; BITS]) {
        for (bit, vote) in votes.iter_mut().enumerate() {
            let digit_of = |digits: &[u64; BITS / 64]| (digits[bit / 64] >> (63 - bit % 64) & 1).cast_signed();
            let ones = self
                .digits
                .iter()
                .rev()
                .fold(0, |ones, digits| ones << 1 | digit_of(digits));
            *vote += weight * (2 * ones - self.hashes);
        }
    }
}

const PREFIX: &str = "fp:";

impl fmt::Display for FpId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for FpId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why a text is no [`FpId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an FP_ID is \"fp:\" and 64 lower-case hexadecimal digits, this is {found:?}")]
pub struct FpIdError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl FromStr for FpId {
    type Err = FpIdError;

    fn from_str(text: &str) -> Result<Self, FpIdError> {
        let refused = || FpIdError {
            found: text.chars().take(80).collect(),
        };
        let digits = text.strip_prefix(PREFIX).ok_or_else(refused)?.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(refused());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(refused());
            };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_fp_id_has_one_text(bytes in any::<[u8; 32]>()) {
            let id = FpId(bytes);
            prop_assert_eq!(id.to_string().parse::<FpId>().unwrap(), id);
            prop_assert!(id.to_string().to_uppercase().parse::<FpId>().is_err());
        }
    }

    #[test]
    fn likeness_is_one_for_the_same_and_zero_from_half_the_bits_on() {
        let id = FpId([0; 32]);
        let mut half = [0; 32];
        half[..16].fill(0xff);
        assert!((compare(&id, &id) - 1.0).abs() < f32::EPSILON);
        assert!(compare(&id, &FpId(half)).abs() < f32::EPSILON);
        assert!(compare(&id, &FpId([0xff; 32])).abs() < f32::EPSILON);
    }

    #[test]
    fn a_sketch_changes_little_when_few_features_do() {
        let features: Vec<_> = (0..400_u32).map(u32::to_le_bytes).collect();
        let sketch = |range: core::ops::Range<usize>| simhash(features[range].iter().map(|f| (f.as_slice(), 1)));
        assert!(sketch(0..200).distance(&sketch(10..210)) < 50);
        assert!(sketch(0..200).distance(&sketch(200..400)) > 96);
    }

    #[test]
    fn every_feature_votes_on_every_bit_with_its_weight() {
        let features: Vec<_> = (0..700_u32)
            .map(|n| (n.to_le_bytes(), i64::from(n % 5 * n % 7)))
            .collect();
        let votes = |bit: usize| -> i64 {
            let votes = features.iter().map(|(feature, weight)| {
                let set = Sha256::digest(feature)[bit / 8] >> (7 - bit % 8) & 1 == 1;
                if set { *weight } else { -weight }
            });
            votes.sum()
        };
        let sketch = simhash(features.iter().map(|(feature, weight)| (feature.as_slice(), *weight)));
        for bit in 0..BITS {
            assert_eq!(sketch.0[bit / 8] >> (7 - bit % 8) & 1 == 1, votes(bit) > 0, "{bit}");
        }
    }

    #[test]
    fn texts_that_are_no_fp_id_are_refused() {
        for text in [
            "",
            "fp:",
            "fp:00",
            &format!("fp:{}", "0g".repeat(32)),
            &"00".repeat(32),
            &format!("fp:{}é", "0".repeat(62)),
        ] {
            assert!(text.parse::<FpId>().is_err(), "{text}");
        }
    }
}
