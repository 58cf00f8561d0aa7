//! Randomness, from outside: the system's on a computer, `crypto.getRandomValues` in a browser, a seed in tests.

/// A source of bytes that nobody can guess.
pub trait Entropy {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// There is no randomness now; nothing secret may be made from `bytes` then.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of randomness failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness: {0}; nothing was made, try again")]
pub struct EntropyError(pub String);

/// A uniform number below `bound`, which must not be zero.
///
/// # Errors
/// There is no randomness.
pub(crate) fn below(entropy: &mut impl Entropy, bound: u64) -> Result<u64, EntropyError> {
    // Numbers below this are as many as a multiple of `bound`, so that no remainder is likelier than another.
    let fair = u64::MAX - u64::MAX % bound.max(1);
    loop {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes)?;
        let drawn = u64::from_be_bytes(bytes);
        if drawn < fair {
            return Ok(drawn % bound.max(1));
        }
    }
}

/// The operating system's randomness; in a browser `crypto.getRandomValues`.
#[cfg(feature = "entropy")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

#[cfg(feature = "entropy")]
impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::getrandom(bytes).map_err(|error| EntropyError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn numbers_below_a_bound_reach_all_of_them_and_no_more() {
        let mut entropy = Seeded::new(1);
        let drawn: std::collections::BTreeSet<_> = (0..500).map(|_| below(&mut entropy, 7).unwrap()).collect();
        assert_eq!(drawn, (0..7).collect());
        assert_eq!(below(&mut entropy, 1).unwrap(), 0);
    }
}
