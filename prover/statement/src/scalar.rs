//! Arithmetic in the BLS12-381 scalar field, by whom it is done best: a virtual machine's own, or a library.

use core::ops::{Add, Mul, Sub};

use alloy_primitives::{U256, uint};

/// The field's modulus.
pub const SCALAR_MODULUS: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);

/// A field element.
pub trait Scalar:
    Clone
    + PartialEq
    + for<'a> Add<&'a Self, Output = Self>
    + for<'a> Sub<&'a Self, Output = Self>
    + for<'a> Mul<&'a Self, Output = Self>
{
    /// The element of a number below [`SCALAR_MODULUS`], big-endian.
    fn from_canonical(bytes: &[u8; 32]) -> Self;

    /// The number, below [`SCALAR_MODULUS`], big-endian.
    fn to_canonical(&self) -> [u8; 32];

    /// The element of a small number.
    fn from_u32(value: u32) -> Self {
        let mut bytes = [0; 32];
        bytes[28..].copy_from_slice(&value.to_be_bytes());
        Self::from_canonical(&bytes)
    }

    /// `self / other`; `other` is not zero.
    fn divide(&self, other: &Self) -> Self;
}

#[cfg(feature = "std")]
mod native {
    use ark_bls12_381::Fr;
    use ark_ff::{BigInt, BigInteger, Field, PrimeField};

    use super::Scalar;

    /// A field element by arkworks.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct NativeScalar(Fr);

    macro_rules! operation {
        ($($name:ident $function:ident),*) => {$(
            impl core::ops::$name<&Self> for NativeScalar {
                type Output = Self;

                fn $function(self, other: &Self) -> Self {
                    Self(core::ops::$name::$function(self.0, &other.0))
                }
            }
        )*};
    }

    operation!(Add add, Sub sub, Mul mul);

    impl Scalar for NativeScalar {
        fn from_canonical(bytes: &[u8; 32]) -> Self {
            let mut limbs = [0u64; 4];
            for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
                *limb = u64::from_be_bytes(*chunk);
            }
            Self(Fr::from_bigint(BigInt(limbs)).unwrap_or_default())
        }

        fn to_canonical(&self) -> [u8; 32] {
            let mut out = [0; 32];
            out.copy_from_slice(&self.0.into_bigint().to_bytes_be());
            out
        }

        fn divide(&self, other: &Self) -> Self {
            Self(self.0 * other.0.inverse().unwrap_or_default())
        }
    }
}

#[cfg(feature = "std")]
pub use native::NativeScalar;
