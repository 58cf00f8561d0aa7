//! BLS12-381 scalars for the evaluation of blobs.

use core::ops::{Add, Mul, Sub};

use cwe_statement::Scalar;
use openvm_algebra_guest::{DivUnsafe, IntMod};

use crate::curves::BlsScalar;

/// A BLS12-381 scalar by the machine's instructions.
#[derive(Debug, Clone, PartialEq)]
pub struct BlobScalar(BlsScalar);

impl Add<&Self> for BlobScalar {
    type Output = Self;

    fn add(mut self, other: &Self) -> Self {
        self.0 += &other.0;
        self
    }
}

impl Sub<&Self> for BlobScalar {
    type Output = Self;

    fn sub(mut self, other: &Self) -> Self {
        self.0 -= &other.0;
        self
    }
}

impl Mul<&Self> for BlobScalar {
    type Output = Self;

    fn mul(mut self, other: &Self) -> Self {
        self.0 *= &other.0;
        self
    }
}

impl Scalar for BlobScalar {
    fn from_canonical(bytes: &[u8; 32]) -> Self {
        Self(BlsScalar::from_be_bytes_unchecked(bytes))
    }

    fn to_canonical(&self) -> [u8; 32] {
        self.0.assert_reduced();
        self.0.to_be_bytes()
    }

    fn divide(&self, other: &Self) -> Self {
        Self((&self.0).div_unsafe(&other.0))
    }
}
