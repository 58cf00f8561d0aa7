//! Who the listener is: the secret `s`, a field element that only the wallet knows.
//!
//! It is drawn at random or comes from a phrase of words, from which it can be restored. Its commitment is what is
//! subscribed; with it the epoch's nullifier and proofs are made. Whoever has it can use up the subscription.

use std::fmt;

use bip39::{Language, Mnemonic};
use cwe_usage::{Element, Secret};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};

const SECRET_BYTES: usize = 32;
/// A number of 254 bits is below the modulus three times out of four, so this many tries never fail.
const MAX_TRIES: u32 = 256;
/// Keeps the 254 low bits: the first byte's two high ones go.
const TOP_BYTE_MASK: u8 = 0x3f;
/// Separates this use of a phrase's seed from every other one.
const DERIVATION_DOMAIN: &[u8] = b"cwe.identity";
/// Entropy of a phrase of 24 words.
const PHRASE_ENTROPY_BYTES: usize = 32;

/// Why there is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The words are no phrase. They are not repeated: nearly right ones are nearly the secret.
    #[error("these are not 12 to 24 words of a BIP-39 phrase: {0}; check the words and their order")]
    Phrase(&'static str),
    /// Zero, or not below the modulus.
    #[error("a secret is above zero and below the BN254 scalar modulus; this is not")]
    OutOfRange,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Draws a secret, each equally likely.
///
/// # Errors
/// There is no randomness.
pub fn random_secret(entropy: &mut impl Entropy) -> Result<Secret, IdentityError> {
    first_in_range(|_, bytes| Ok(entropy.fill(bytes)?))
}

/// The secret of a phrase: the first candidate in range of `HMAC-SHA256(seed, "cwe.identity" ‖ i)`, its two top bits
/// cleared, where `seed` is the phrase's BIP-39 seed without passphrase and `i` counts up from 0 in 4 bytes.
///
/// # Errors
/// Only if none of many candidates is in range, which never happens.
pub fn secret_from_phrase(phrase: &Phrase) -> Result<Secret, IdentityError> {
    let seed = Zeroizing::new(phrase.mnemonic()?.to_seed_normalized(""));
    first_in_range(|counter, bytes| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*seed).map_err(|_| IdentityError::OutOfRange)?;
        mac.update(DERIVATION_DOMAIN);
        mac.update(&counter.to_be_bytes());
        bytes.copy_from_slice(&mac.finalize().into_bytes());
        Ok(())
    })
}

/// A secret given as a big-endian number.
///
/// # Errors
/// It is zero, or not below the modulus.
pub fn secret_from_be_bytes(bytes: &[u8; SECRET_BYTES]) -> Result<Secret, IdentityError> {
    let element = Element::from_be_bytes(*bytes).map_err(|_| IdentityError::OutOfRange)?;
    Secret::try_from(element).map_err(|_| IdentityError::OutOfRange)
}

/// A random element, each equally likely: a note's blinding.
///
/// # Errors
/// There is no randomness.
pub(crate) fn random_element(entropy: &mut impl Entropy) -> Result<Element, IdentityError> {
    // Zero, which no secret is, is never drawn anyway.
    random_secret(entropy).map(|secret| secret.expose())
}

fn first_in_range(
    mut candidate: impl FnMut(u32, &mut [u8; SECRET_BYTES]) -> Result<(), IdentityError>,
) -> Result<Secret, IdentityError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    for counter in 0..MAX_TRIES {
        candidate(counter, &mut bytes)?;
        bytes[0] &= TOP_BYTE_MASK;
        if let Ok(secret) = secret_from_be_bytes(&bytes) {
            return Ok(secret);
        }
    }
    Err(IdentityError::OutOfRange)
}

/// How the encrypted file holds a secret: `#[serde(with = "…")]`.
pub(crate) mod secret_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        Zeroizing::new(secret.expose().to_be_bytes()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        let bytes = Zeroizing::new(<[u8; SECRET_BYTES]>::deserialize(deserializer)?);
        secret_from_be_bytes(&bytes).map_err(D::Error::custom)
    }
}

/// 12 to 24 English words from which a secret is made. Wiped from memory when dropped; never printed by accident.
#[derive(Clone)]
pub struct Phrase(Zeroizing<String>);

impl Phrase {
    /// A new phrase of 24 words.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn random(entropy: &mut impl Entropy) -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; PHRASE_ENTROPY_BYTES]);
        entropy.fill(&mut *bytes)?;
        let mnemonic = Mnemonic::from_entropy_in(Language::English, &*bytes).map_err(phrase_error)?;
        Ok(Self(Zeroizing::new(mnemonic.to_string())))
    }

    /// Reads words, however they are spaced and whatever their case.
    ///
    /// # Errors
    /// They are no phrase: a word is unknown, there are too few or many, or the last one does not fit.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let mut normal = Zeroizing::new(String::with_capacity(text.len()));
        for word in text.split_whitespace() {
            if !normal.is_empty() {
                normal.push(' ');
            }
            normal.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
        }
        let phrase = Self(normal);
        phrase.mnemonic()?;
        Ok(phrase)
    }

    /// The words, to be shown to their owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn mnemonic(&self) -> Result<Mnemonic, IdentityError> {
        Mnemonic::parse_in_normalized(Language::English, &self.0).map_err(phrase_error)
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Phrase(…)")
    }
}

/// Without the words and their positions.
const fn phrase_error(error: bip39::Error) -> IdentityError {
    IdentityError::Phrase(match error {
        bip39::Error::BadWordCount(_) => "the number of words is wrong",
        bip39::Error::UnknownWord(_) => "a word is not in the English list",
        bip39::Error::InvalidChecksum => "the words don't fit each other",
        _ => "the words can't be read",
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;
    use crate::testing::Seeded;

    const WORDS: &str = "test test test test test test test test test test test junk";

    #[test]
    fn a_phrase_always_gives_the_same_secret() {
        let secret = secret_from_phrase(&Phrase::parse(WORDS).unwrap()).unwrap();
        let spaced = format!("  {}\n", WORDS.to_uppercase().replace(' ', "\t "));
        assert!(secret == secret_from_phrase(&Phrase::parse(&spaced).unwrap()).unwrap());
        assert!(secret != random_secret(&mut Seeded::new(1)).unwrap());
    }

    #[test]
    fn the_derivation_is_the_documented_one() {
        // Python: hmac.new(pbkdf2_hmac("sha512", words, b"mnemonic", 2048), b"cwe.identity" + bytes(4), "sha256"), with
        // the two top bits cleared and counted up until it is below the modulus.
        let secret = secret_from_phrase(&Phrase::parse(WORDS).unwrap()).unwrap();
        assert_eq!(alloy_primitives::hex::encode(secret.expose().to_be_bytes()), EXPECTED);
    }

    const EXPECTED: &str = "04c65a305102159ea0deb7bda8bc9f00487f659593fdc3e6c2a486527c13da53";

    #[test]
    fn a_new_phrase_has_24_words_and_can_be_typed_in_again() {
        let phrase = Phrase::random(&mut Seeded::new(2)).unwrap();
        assert_eq!(phrase.expose().split(' ').count(), 24);
        let typed = Phrase::parse(phrase.expose()).unwrap();
        assert!(secret_from_phrase(&phrase).unwrap() == secret_from_phrase(&typed).unwrap());
    }

    #[test]
    fn words_that_are_no_phrase_are_refused_and_not_repeated() {
        for bad in [
            "",
            "test",
            "abandon ability xyzzy able about above absent absorb abstract absurd abuse access",
            "test test test test test test test test test test test test",
            &"word ".repeat(10_000),
        ] {
            let error = Phrase::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("xyzzy") && error.len() < 200, "{error}");
        }
    }

    #[test]
    fn only_numbers_above_zero_and_below_the_modulus_are_secrets() {
        let modulus = Element::modulus();
        let one = U256::from(1);
        for good in [one, modulus - one] {
            assert!(secret_from_be_bytes(&good.to_be_bytes()).is_ok());
        }
        for bad in [U256::ZERO, modulus, modulus + one, U256::MAX] {
            assert_eq!(secret_from_be_bytes(&bad.to_be_bytes()), Err(IdentityError::OutOfRange));
        }
    }

    #[test]
    fn drawn_secrets_are_spread_over_the_range() {
        let mut entropy = Seeded::new(3);
        let quarter = Element::modulus() / U256::from(4);
        let mut counts = [0_u32; 4];
        for _ in 0..2000 {
            let drawn = random_secret(&mut entropy).unwrap().expose().to_uint();
            counts[(drawn / quarter).to::<usize>().min(3)] += 1;
        }
        // A number that was reduced or cut instead of drawn again would favour the lower quarters.
        assert!(counts.iter().all(|count| (400..600).contains(count)), "{counts:?}");
    }

    #[test]
    fn secrets_and_phrases_are_not_printed() {
        let phrase = Phrase::parse(WORDS).unwrap();
        assert_eq!(format!("{phrase:?}"), "Phrase(…)");
        assert_eq!(format!("{:?}", secret_from_phrase(&phrase).unwrap()), "Secret(…)");
    }
}
