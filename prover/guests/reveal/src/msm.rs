//! Sums of many points times scalars, by buckets (Pippenger), changing points in place: a copy of a point costs more than
//! its addition.

use alloc::{vec, vec::Vec};

use openvm_algebra_guest::IntMod;
use openvm_ecc_guest::weierstrass::WeierstrassPoint;

use crate::curve::{shares_x, Bn254G1Affine, Bn254Scalar};

/// Bits of a scalar as it is stored, canonical or not.
const SCALAR_BITS: usize = 256;
/// Widest window: digits are 16 bits with a sign.
const MAX_WINDOW: usize = 14;

/// The sum of `points` times `scalars`. None of the points is the one at infinity.
pub(crate) fn combine<'a>(
    scalars: impl ExactSizeIterator<Item = &'a Bn254Scalar>,
    points: &[Bn254G1Affine],
) -> Bn254G1Affine {
    Bn254G1Affine::set_up_once();
    let window = window(points.len());
    let digits: Vec<Digits> = scalars.map(|scalar| Digits::new(scalar, window)).collect();
    let mut buckets = vec![Sum::default(); 1 << (window - 1)];
    let mut total = Sum::default();
    for position in (0..SCALAR_BITS / window + 1).rev() {
        for _ in 0..window {
            total.double();
        }
        for (digits, point) in digits.iter().zip(points) {
            let digit = digits.0[position];
            if digit > 0 {
                buckets[digit as usize - 1].add(point);
            } else if digit < 0 {
                buckets[digit.unsigned_abs() as usize - 1].subtract(point);
            }
        }
        // 1·first + 2·second + … as the sum of the sums from the last one on.
        let mut running = Sum::default();
        for bucket in buckets.iter_mut().rev() {
            running.add_sum(bucket);
            total.add_sum(&running);
            bucket.is_identity = true;
        }
    }
    total.into_point()
}

/// The width that takes the fewest additions for so many points.
fn window(points: usize) -> usize {
    let additions = |window: &usize| (SCALAR_BITS / window + 1) * (points + (1 << window));
    (2..=MAX_WINDOW).min_by_key(additions).unwrap_or(MAX_WINDOW)
}

/// A scalar as signed digits, the lowest first: `-2^(w-1) < digit <= 2^(w-1)`.
struct Digits(Vec<i16>);

impl Digits {
    fn new(scalar: &Bn254Scalar, window: usize) -> Self {
        let mut words = [0; SCALAR_BITS / 32 + 1];
        for (word, bytes) in words.iter_mut().zip(scalar.as_le_bytes().chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let count = SCALAR_BITS / window + 1;
        let mask = (1 << window) - 1;
        let half = 1 << (window - 1);
        let mut digits = Vec::with_capacity(count);
        let mut carry = 0;
        for position in 0..count {
            let (word, shift) = (position * window / 32, position * window % 32);
            let mut bits = words[word] >> shift;
            if shift + window > 32 {
                bits |= words[word + 1] << (32 - shift);
            }
            let digit = (bits & mask) + carry;
            carry = u32::from(digit > half);
            digits.push((digit as i32 - ((carry as i32) << window)) as i16);
        }
        Self(digits)
    }
}

/// A sum of points, changed in place. The curve is set up.
#[derive(Clone)]
struct Sum {
    point: Bn254G1Affine,
    is_identity: bool,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            point: Bn254G1Affine::IDENTITY,
            is_identity: true,
        }
    }
}

impl Sum {
    /// Adds a point that is not the identity.
    #[inline(always)]
    fn add(&mut self, point: &Bn254G1Affine) {
        if self.is_identity {
            self.point.clone_from(point);
            self.is_identity = false;
        } else if !shares_x(&self.point, point) {
            // SAFETY: neither is the identity, and they differ in `x`.
            unsafe { self.point.add_ne_assign_nonidentity::<false>(point) };
        } else if self.point.y() == point.y() {
            // SAFETY: not the identity, and no point has order 2.
            unsafe { self.point.double_assign_nonidentity::<false>() };
        } else {
            self.is_identity = true;
        }
    }

    /// Subtracts a point that is not the identity.
    #[inline(always)]
    fn subtract(&mut self, point: &Bn254G1Affine) {
        if !self.is_identity && !shares_x(&self.point, point) {
            // SAFETY: neither is the identity, and they differ in `x`.
            unsafe { self.point.sub_ne_assign_nonidentity::<false>(point) };
        } else {
            self.add(&-point.clone());
        }
    }

    #[inline(always)]
    fn add_sum(&mut self, other: &Self) {
        if !other.is_identity {
            self.add(&other.point);
        }
    }

    #[inline(always)]
    fn double(&mut self) {
        if !self.is_identity {
            // SAFETY: not the identity, and no point has order 2.
            unsafe { self.point.double_assign_nonidentity::<false>() };
        }
    }

    fn into_point(self) -> Bn254G1Affine {
        if self.is_identity {
            Bn254G1Affine::IDENTITY
        } else {
            self.point
        }
    }
}
