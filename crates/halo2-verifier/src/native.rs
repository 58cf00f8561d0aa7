//! Arithmetic of hosts, by arkworks.

use alloy_primitives::U256;
use ark_bn254::{Bn254, Fq, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{BigInt, Field, PrimeField, Zero};

use crate::{
    arithmetic::{Curve, Scalar, Word},
    fold::Accumulator,
};

/// BN254's first group by a native library.
#[derive(Debug, Clone, Copy)]
pub struct NativeCurve;

/// A scalar by a native library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeScalar(Fr);

/// A point of the second group, as the EVM's precompile takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct G2Point(G2Affine);

fn integer(word: &Word) -> BigInt<4> {
    BigInt::new(U256::from_be_bytes(*word).into_limbs())
}

fn bytes(element: impl PrimeField<BigInt = BigInt<4>>) -> Word {
    U256::from_limbs(element.into_bigint().0).to_be_bytes()
}

impl Scalar for NativeScalar {
    fn from_canonical(word: &Word) -> Option<Self> {
        Fr::from_bigint(integer(word)).map(Self)
    }

    fn from_reduced(word: &Word) -> Self {
        Self(Fr::from_be_bytes_mod_order(word))
    }

    fn plus(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    fn minus(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    fn times(&self, other: &Self) -> Self {
        Self(self.0 * other.0)
    }

    fn over(&self, other: &Self) -> Option<Self> {
        other.0.inverse().map(|inverse| Self(self.0 * inverse))
    }
}

impl Curve for NativeCurve {
    type Scalar = NativeScalar;
    type Point = G1Affine;

    fn point(bytes: &[u8; 64]) -> Option<G1Affine> {
        let (words, _) = bytes.as_chunks::<32>();
        let [x, y] = words else { return None };
        let (x, y) = (Fq::from_bigint(integer(x))?, Fq::from_bigint(integer(y))?);
        let point = G1Affine::new_unchecked(x, y);
        // The library takes the origin, which is not on the curve, for the point at infinity.
        (point.is_on_curve() && !point.is_zero()).then_some(point)
    }

    fn generator() -> G1Affine {
        G1Affine::generator()
    }

    fn combine(scalars: &[NativeScalar], points: &[G1Affine]) -> G1Affine {
        let scalars: Vec<_> = scalars.iter().map(|scalar| scalar.0.into_bigint()).collect();
        G1Projective::msm_bigint(points, &scalars).into_affine()
    }

    fn encode(point: &G1Affine) -> [u8; 64] {
        let mut out = [0; 64];
        if let Some((x, y)) = point.xy() {
            out[..32].copy_from_slice(&bytes(x));
            out[32..].copy_from_slice(&bytes(y));
        }
        out
    }
}

impl G2Point {
    /// From the four words that the EVM's precompile takes: each coordinate's imaginary part first. `None` if they are no
    /// point of the group.
    pub fn from_words(words: &[Word; 4]) -> Option<Self> {
        let [x_imaginary, x_real, y_imaginary, y_real] = words.map(|word| Fq::from_bigint(integer(&word)));
        let x = ark_bn254::Fq2::new(x_real?, x_imaginary?);
        let y = ark_bn254::Fq2::new(y_real?, y_imaginary?);
        let point = G2Affine::new_unchecked(x, y);
        let is_in_group = point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
        (is_in_group && !point.is_zero()).then_some(Self(point))
    }
}

impl Accumulator<NativeCurve> {
    /// From left.x, left.y, right.x, right.y; `None` if one of the two is no point, or the one at infinity.
    pub fn from_words(words: &[Word; 4]) -> Option<Self> {
        let (points, _) = words.as_flattened().as_chunks::<64>();
        let [left, right] = points else { return None };
        Some(Self {
            left: NativeCurve::point(left)?,
            right: NativeCurve::point(right)?,
        })
    }

    /// Whether the proofs hold, given `[s]₂` of the reference string.
    pub fn check(&self, s: &G2Point) -> bool {
        let minus_right = (-self.right.into_group()).into_affine();
        Bn254::multi_pairing([self.left, minus_right], [s.0, G2Affine::generator()]).is_zero()
    }
}
