//! An element of the BN254 scalar field, in which the usage circuits compute.

use core::fmt;

use alloy_primitives::{B256, U256};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField};

/// A canonical element of the BN254 scalar field. Outside it is 32 big-endian bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Element(pub(crate) Fr);

/// 32 bytes that are not below the modulus. As an element they would be another number than as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not below the BN254 scalar modulus")]
pub struct NotCanonical(pub B256);

impl Element {
    /// Zero: an empty leaf, the domain of identity commitments.
    pub const ZERO: Self = Self(<Fr as AdditiveGroup>::ZERO);

    /// Reads a canonical big-endian element.
    ///
    /// # Errors
    /// [`NotCanonical`] at or above the modulus.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Result<Self, NotCanonical> {
        Self::try_from(U256::from_be_bytes(bytes))
    }

    /// Big-endian bytes.
    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&self.0.into_bigint().to_bytes_be());
        bytes
    }

    /// The number that it stands for, below the modulus.
    pub fn to_uint(self) -> U256 {
        U256::from_limbs(self.0.into_bigint().0)
    }

    /// The modulus.
    pub const fn modulus() -> U256 {
        U256::from_limbs(Fr::MODULUS.0)
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl TryFrom<U256> for Element {
    type Error = NotCanonical;

    fn try_from(number: U256) -> Result<Self, NotCanonical> {
        Fr::from_bigint(BigInt(number.into_limbs()))
            .map(Self)
            .ok_or(NotCanonical(number.into()))
    }
}

impl From<u64> for Element {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl From<Element> for B256 {
    fn from(element: Element) -> Self {
        element.to_be_bytes().into()
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        B256::from(*self).fmt(f)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", B256::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_below_the_modulus_are_elements() {
        let modulus = Element::modulus();
        for bad in [modulus, modulus + U256::from(1), U256::MAX] {
            assert_eq!(Element::try_from(bad), Err(NotCanonical(bad.into())));
            assert!(Element::from_be_bytes(bad.to_be_bytes()).is_err());
        }
        let largest = Element::try_from(modulus - U256::from(1)).unwrap();
        assert_eq!(largest.to_uint(), modulus - U256::from(1));
    }

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        let number = Element::from(0x0102_0304);
        assert_eq!(Element::from_be_bytes(number.to_be_bytes()), Ok(number));
        assert_eq!(number.to_be_bytes()[28..], [1, 2, 3, 4]);
    }
}
