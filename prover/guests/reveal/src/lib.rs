//! BN254's scalars and first group for the verifier of Reveal proofs, by the virtual machine's instructions. Guests hand
//! [`RevealCurve`] to `cwe_aggregation`; nothing else links this crate.
//!
//! The machine's field elements need not be canonical: whoever takes their bytes as a number asserts first that they are.

#![no_std]

extern crate alloc;

mod curve;

use cwe_halo2_verifier::{Curve, Scalar, Word};
use openvm_algebra_guest::{DivUnsafe, IntMod};
use openvm_ecc_guest::{msm, weierstrass::WeierstrassPoint};

use crate::curve::{Bn254Coordinate, Bn254G1Affine, Bn254Scalar};

/// BN254's first group by the machine's instructions.
#[derive(Debug, Clone, Copy)]
pub struct RevealCurve;

/// A BN254 scalar by the machine's instructions. Its bytes, which need not be canonical, are only ever multiplied with
/// points, whose order is the modulus.
#[derive(Debug, Clone, PartialEq)]
pub struct RevealScalar(Bn254Scalar);

impl Scalar for RevealScalar {
    fn from_canonical(word: &Word) -> Option<Self> {
        Bn254Scalar::from_be_bytes(word).map(Self)
    }

    fn from_reduced(word: &Word) -> Self {
        Self(Bn254Scalar::from_be_bytes_unchecked(word))
    }

    fn from_u32(number: u32) -> Self {
        Self(Bn254Scalar::from_u32(number))
    }

    fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    fn times(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0)
    }

    fn over(&self, other: &Self) -> Option<Self> {
        (other.0 != Bn254Scalar::ZERO).then(|| Self((&self.0).div_unsafe(&other.0)))
    }

    fn add_product(&mut self, left: &Self, right: &Self) {
        self.0 += &left.0 * &right.0;
    }
}

impl Curve for RevealCurve {
    type Scalar = RevealScalar;
    type Point = Bn254G1Affine;

    fn point(bytes: &[u8; 64]) -> Option<Bn254G1Affine> {
        let x = Bn254Coordinate::from_be_bytes(&bytes[..32])?;
        let y = Bn254Coordinate::from_be_bytes(&bytes[32..])?;
        // SAFETY: checked to be on the curve, which has prime order.
        unsafe { Bn254G1Affine::from_xy_nonidentity(x, y) }
    }

    fn generator() -> Bn254G1Affine {
        // SAFETY: (1, 2) is on the curve, which has prime order.
        unsafe { Bn254G1Affine::from_xy_unchecked(Bn254Coordinate::from_u32(1), Bn254Coordinate::from_u32(2)) }
    }

    fn combine(scalars: &[RevealScalar], points: &[Bn254G1Affine]) -> Bn254G1Affine {
        let scalars: alloc::vec::Vec<_> = scalars.iter().map(|scalar| scalar.0.clone()).collect();
        msm(&scalars, points)
    }

    fn encode(point: &Bn254G1Affine) -> [u8; 64] {
        point.x().assert_reduced();
        point.y().assert_reduced();
        let mut out = [0; 64];
        out[..32].copy_from_slice(&point.x().to_be_bytes());
        out[32..].copy_from_slice(&point.y().to_be_bytes());
        out
    }
}

