use core::{fmt, str::FromStr};

use crate::Kind;

/// Bits of a key below the kind's number.
const KEY_BITS: u32 = 30;
const KEY_MASK: u32 = (1 << KEY_BITS) - 1;
/// Odd, so that multiplying by it modulo 2^30 can be undone.
const FACTOR: u32 = 0x2545_f491 & KEY_MASK;
const SHIFT: u32 = 15;

/// The longest prefix, in bits.
pub const MAX_PREFIX_BITS: u8 = 24;

/// Spreads keys evenly: features of works are skewed, and so are keys; prefixes of mixed keys are not. The kind stays,
/// the other 30 bits are permuted.
#[must_use]
pub const fn mix(key: u32) -> u32 {
    let mut hash = key & KEY_MASK;
    let mut round = 0;
    while round < 2 {
        hash = hash.wrapping_mul(FACTOR) & KEY_MASK;
        hash ^= hash >> SHIFT;
        round += 1;
    }
    key & !KEY_MASK | hash
}

/// The key that [`mix`] made this of.
#[must_use]
pub const fn unmix(mixed: u32) -> u32 {
    let mut hash = mixed & KEY_MASK;
    let mut round = 0;
    while round < 2 {
        // Half of the bits' number is shifted, so that doing it again undoes it.
        hash ^= hash >> SHIFT;
        hash = hash.wrapping_mul(INVERSE) & KEY_MASK;
        round += 1;
    }
    mixed & !KEY_MASK | hash
}

/// By Newton's iteration: each round doubles the number of bits that are right.
const INVERSE: u32 = {
    let mut inverse = FACTOR;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(FACTOR.wrapping_mul(inverse)));
        round += 1;
    }
    inverse & KEY_MASK
};

/// Which bucket: the kind and the first bits of [`mix`]ed keys.
///
/// As text a letter for the kind (`a`udio, `v`ideo, `i`mage), the number of bits, a hyphen, and the bits as a number of
/// as few lower-case hexadecimal digits as hold them, at least one: `a12-0fc`, `i0-0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketPrefix {
    kind: Kind,
    bits: u8,
    value: u32,
}

/// Why something is no [`BucketPrefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketPrefixError {
    /// Not the text form.
    #[error("a bucket is a kind's letter, bits, a hyphen and hexadecimal digits, as a12-0fc; this is {found:?}")]
    Text {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Too many bits.
    #[error("a prefix has at most {MAX_PREFIX_BITS} bits, not {found}")]
    Bits {
        /// How many.
        found: u8,
    },
    /// A number that does not fit.
    #[error("{value:#x} has more than {bits} bits")]
    Value {
        /// The number.
        value: u32,
        /// The bits it has to fit.
        bits: u8,
    },
}

impl BucketPrefix {
    /// The bucket of a kind's keys whose `bits` first bits, mixed, are `value`.
    ///
    /// # Errors
    /// More than [`MAX_PREFIX_BITS`], or a value of more bits.
    pub const fn new(kind: Kind, bits: u8, value: u32) -> Result<Self, BucketPrefixError> {
        if bits > MAX_PREFIX_BITS {
            return Err(BucketPrefixError::Bits { found: bits });
        }
        if value >> bits != 0 {
            return Err(BucketPrefixError::Value { value, bits });
        }
        Ok(Self { kind, bits, value })
    }

    /// The bucket of all of a kind's keys.
    #[must_use]
    pub const fn everything(kind: Kind) -> Self {
        Self {
            kind,
            bits: 0,
            value: 0,
        }
    }

    /// The bucket that a key is in; of [`MAX_PREFIX_BITS`] when asked for more, nothing for a key of no kind.
    #[must_use]
    pub fn of(key: u32, bits: u8) -> Option<Self> {
        let bits = bits.min(MAX_PREFIX_BITS);
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| u32::from(kind.number()) == key >> KEY_BITS)?;
        Some(Self {
            kind,
            bits,
            value: (mix(key) & KEY_MASK) >> (KEY_BITS - u32::from(bits)),
        })
    }

    /// Whose keys.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// How long it is.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// The bits, as a number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.value
    }

    /// Whether a key, not mixed, is in the bucket.
    #[must_use]
    pub fn contains(self, key: u32) -> bool {
        Self::of(key, self.bits) == Some(self)
    }

    /// The lowest and the highest [`mix`]ed key of the bucket.
    #[must_use]
    pub fn mixed_range(self) -> (u32, u32) {
        let free = KEY_BITS - u32::from(self.bits);
        let low = u32::from(self.kind.number()) << KEY_BITS | self.value << free;
        (low, low | ((1 << free) - 1))
    }

    fn digits(self) -> usize {
        usize::from(self.bits.div_ceil(4).max(1))
    }
}

const fn letter(kind: Kind) -> char {
    match kind {
        Kind::Audio => 'a',
        Kind::Video => 'v',
        Kind::Image => 'i',
    }
}

impl fmt::Display for BucketPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        write!(out, "{}{}-{:0digits$x}", letter(self.kind), self.bits, self.value)
    }
}

impl fmt::Debug for BucketPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for BucketPrefix {
    type Err = BucketPrefixError;

    fn from_str(text: &str) -> Result<Self, BucketPrefixError> {
        let refused = || BucketPrefixError::Text {
            found: text.chars().take(80).collect(),
        };
        let mut letters = text.chars();
        let first = letters.next().ok_or_else(refused)?;
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| letter(*kind) == first)
            .ok_or_else(refused)?;
        let (bits, value) = letters.as_str().split_once('-').ok_or_else(refused)?;
        let prefix = Self::new(
            kind,
            bits.parse().map_err(|_| refused())?,
            u32::from_str_radix(value, 16).map_err(|_| refused())?,
        )?;
        // One text for one prefix: no signs, no upper case, no zeros too many.
        if prefix.to_string() == text {
            Ok(prefix)
        } else {
            Err(refused())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix() -> impl Strategy<Value = BucketPrefix> {
        (0..3_u8, 0..=MAX_PREFIX_BITS, any::<u32>()).prop_map(|(kind, bits, value)| {
            let value = value & ((1 << bits) - 1);
            BucketPrefix::new(Kind::from_number(kind).unwrap(), bits, value).unwrap()
        })
    }

    proptest! {
        #[test]
        fn mixing_keeps_the_kind_and_can_be_undone(key: u32) {
            prop_assert_eq!(unmix(mix(key)), key);
            prop_assert_eq!(mix(key) >> KEY_BITS, key >> KEY_BITS);
        }

        #[test]
        fn a_prefix_survives_its_text(prefix in prefix()) {
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }

        #[test]
        fn a_key_is_in_the_bucket_whose_range_has_it(key in 0..3_u32 << KEY_BITS, prefix in prefix()) {
            let (low, high) = prefix.mixed_range();
            prop_assert_eq!(prefix.contains(key), (low..=high).contains(&mix(key)));
            let own = BucketPrefix::of(key, prefix.bits()).unwrap();
            prop_assert!(own.contains(key));
        }

        #[test]
        fn no_text_panics(text in "[avix]?[0-9+]{0,3}-?[0-9a-fA-F]{0,9}") {
            if let Ok(prefix) = text.parse::<BucketPrefix>() {
                prop_assert_eq!(prefix.to_string(), text);
            }
        }
    }

    #[test]
    fn a_prefix_has_one_text() {
        assert_eq!("a12-0fc".parse::<BucketPrefix>().unwrap().value(), 0xfc);
        for text in [
            "", "a", "a12-fc", "a12-0FC", "a+12-0fc", "a012-0fc", "b12-0fc", "a12-1000", "a25-0", "i0-", "é",
        ] {
            text.parse::<BucketPrefix>().unwrap_err();
        }
    }

    #[test]
    fn a_key_of_no_kind_is_in_no_bucket() {
        assert_eq!(BucketPrefix::of(3 << KEY_BITS, 4), None);
    }

    #[test]
    fn keys_that_differ_in_low_bits_only_fill_all_buckets() {
        let mut filled = [0_u32; 256];
        for key in 0..1 << 16 {
            filled[BucketPrefix::of(key, 8).unwrap().value() as usize] += 1;
        }
        assert!(filled.iter().all(|count| (200..320).contains(count)), "{filled:?}");
    }
}
