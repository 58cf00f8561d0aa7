//! BN254's second group: the points of order `r` on `y² = x³ + 3/ξ` over `Fp2`.

use alloy_primitives::hex;
use openvm_algebra_guest::{DivUnsafe, field::ComplexConjugate};
use revm::precompile::PrecompileHalt;

use super::{
    coordinate,
    fp12::{FROBENIUS, X, fp2},
};
use crate::curves::Bn254Fp2 as Fp2;

const B: Fp2 = fp2(
    hex!("2b149d40ceb8aaae81be18991be06ac3b5b4c5e559dbefa33267e6dc24a138e5"),
    hex!("009713b03af0fed4cd2cafadeed8fdf4a74fa084e52d1852e4a2bd0685c315d2"),
);

/// A point that is not the identity.
#[derive(Clone, PartialEq)]
pub(super) struct G2 {
    pub(super) x: Fp2,
    pub(super) y: Fp2,
}

impl G2 {
    /// `x₁ ‖ x₀ ‖ y₁ ‖ y₀`, canonical and in the group; all zeros are the identity, for which there is none.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, PrecompileHalt> {
        let element = |bytes: &[u8]| Ok(Fp2::new(coordinate(&bytes[32..])?, coordinate(&bytes[..32])?));
        let (x, y) = (element(&bytes[..64])?, element(&bytes[64..128])?);
        if x == Fp2::ZERO && y == Fp2::ZERO {
            return Ok(None);
        }
        let point = Self { x, y };
        if point.is_on_curve() && point.is_of_order_r() {
            Ok(Some(point))
        } else {
            Err(PrecompileHalt::Bn254AffineGFailedToCreate)
        }
    }

    fn is_on_curve(&self) -> bool {
        &self.y * &self.y == &self.x * &self.x * &self.x + &B
    }

    /// Whether `(x + 1)·Q + x·ψ(Q) + x·ψ²(Q) = 2x·ψ³(Q)`, as it is for a point of order `r` (eprint 2022/348, §3), and for no
    /// other: the endomorphism's norm is a multiple of `r` and has no factor in common with the cofactor.
    fn is_of_order_r(&self) -> bool {
        let multiple = self.times_x();
        let first = of(&multiple, Self::frobenius);
        let second = of(&first, Self::frobenius);
        let third = of(&second, Self::frobenius);
        let left = sum(sum(sum(Some(self.clone()), &multiple), &first), &second);
        left == sum(third.clone(), &third)
    }

    /// `x·Q` of a point on the curve.
    fn times_x(&self) -> Option<Self> {
        let this = Some(self.clone());
        let mut multiple = this.clone();
        for bit in (0..X.ilog2()).rev() {
            multiple = sum(multiple.clone(), &multiple);
            if X >> bit & 1 == 1 {
                multiple = sum(multiple, &this);
            }
        }
        multiple
    }

    /// `ψ`: the curve's Frobenius as the twist sees it.
    pub(super) fn frobenius(&self) -> Self {
        Self {
            x: self.x.clone().conjugate() * &FROBENIUS[2],
            y: self.y.clone().conjugate() * &FROBENIUS[3],
        }
    }

    pub(super) fn negate(&self) -> Self {
        Self {
            x: self.x.clone(),
            y: -&self.y,
        }
    }

    /// Slope of the tangent, for a point whose `y` is not zero.
    pub(super) fn tangent(&self) -> Fp2 {
        let square = &self.x * &self.x;
        (&square + &square + &square).div_unsafe(&(&self.y + &self.y))
    }

    /// Slope of the line to a point with another `x`.
    pub(super) fn chord(&self, other: &Self) -> Fp2 {
        (&other.y - &self.y).div_unsafe(&(&other.x - &self.x))
    }

    /// The third point of the line of that slope through this and a point with `other_x`, mirrored: their sum.
    pub(super) fn follow(&self, slope: &Fp2, other_x: &Fp2) -> Self {
        let x = slope * slope - &self.x - other_x;
        let y = slope * &(&self.x - &x) - &self.y;
        Self { x, y }
    }
}

fn of(point: &Option<G2>, map: fn(&G2) -> G2) -> Option<G2> {
    point.as_ref().map(map)
}

/// The sum of any points of the curve, whatever their order; `None` is the identity.
fn sum(left: Option<G2>, right: &Option<G2>) -> Option<G2> {
    let (Some(left), Some(right)) = (&left, right) else {
        return left.or_else(|| right.clone());
    };
    let slope = if left.x != right.x {
        left.chord(right)
    } else if left.y == right.y && left.y != Fp2::ZERO {
        left.tangent()
    } else {
        return None;
    };
    Some(left.follow(&slope, &right.x))
}
