//! What verification needs of a field and a curve.

use alloc::vec::Vec;
use core::fmt::Debug;

/// A number as protocols write it: 32 bytes, big-endian.
pub type Word = [u8; 32];

/// BN254's scalars.
pub trait Scalar: Clone + PartialEq + Debug {
    /// The number, if it is below the modulus.
    fn from_canonical(word: &Word) -> Option<Self>;

    /// Any number, reduced.
    fn from_reduced(word: &Word) -> Self;

    /// A small number.
    fn from_u32(number: u32) -> Self {
        let mut word = [0; 32];
        word[28..].copy_from_slice(&number.to_be_bytes());
        Self::from_reduced(&word)
    }

    /// Sum.
    fn plus(&self, other: &Self) -> Self;

    /// Difference.
    fn minus(&self, other: &Self) -> Self;

    /// Product.
    fn times(&self, other: &Self) -> Self;

    /// Quotient; `None` of a division by zero.
    fn over(&self, other: &Self) -> Option<Self>;

    /// Adds a product to this.
    fn add_product(&mut self, left: &Self, right: &Self) {
        *self = self.plus(&left.times(right));
    }
}

/// BN254's first group.
pub trait Curve {
    /// Its scalars.
    type Scalar: Scalar;
    /// Its points, the one at infinity among them.
    type Point: Clone + Debug;

    /// The point `x ‖ y`, if both are below the base field's modulus and on the curve; that at infinity has no such form.
    fn point(bytes: &[u8; 64]) -> Option<Self::Point>;

    /// The generator of reference strings, (1, 2).
    fn generator() -> Self::Point;

    /// The sum of points times scalars. Both lists have one length.
    fn combine(scalars: &[Self::Scalar], points: &[Self::Point]) -> Self::Point;

    /// `x ‖ y`, or zeros for the point at infinity.
    fn encode(point: &Self::Point) -> [u8; 64];
}

/// 1, `base`, `base`², …: `count` of them.
pub(crate) fn powers<S: Scalar>(base: &S, count: usize) -> Vec<S> {
    core::iter::successors(Some(S::from_u32(1)), |power| Some(power.times(base)))
        .take(count)
        .collect()
}
