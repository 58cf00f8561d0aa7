//! Whether a product of pairings is one: the optimal ate pairing, with nothing that the host could hint.

use alloc::vec::Vec;

use openvm_algebra_guest::{DivUnsafe, IntMod};
use openvm_ecc_guest::{Group, weierstrass::WeierstrassPoint};
use revm::precompile::PrecompileHalt;

use super::{
    decode,
    fp12::{Fp12, X},
    g2::G2,
};
use crate::curves::{Bn254Coordinate, Bn254Fp2 as Fp2};

/// `6x + 2` in non-adjacent form: bits of the digits that are one, and of those that are minus one.
const LOOP: u128 = 6 * X as u128 + 2;
const PLUS: u128 = (3 * LOOP & !LOOP) >> 1;
const MINUS: u128 = (LOOP & !(3 * LOOP)) >> 1;

/// Whether the product of the pairings is one; of points as EIP-197 encodes them.
pub(crate) fn is_one(pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
    let mut terms = Vec::with_capacity(pairs.len());
    for (p, q) in pairs {
        let (p, q) = (decode(p)?, G2::decode(q)?);
        match q {
            Some(q) if !p.is_identity() => terms.push(Term::new(p.x(), p.y(), q)),
            // The pairing with the identity is one.
            _ => {}
        }
    }
    Ok(exponentiate(&miller_loop(&mut terms)) == Fp12::ONE)
}

/// A pairing on its way through the loop.
struct Term {
    q: G2,
    minus_q: G2,
    /// A multiple of `q`. The multiples in the loop are such that no two that are added are equal or opposite, and none is the
    /// identity: `q` has the large prime order `r`.
    multiple: G2,
    /// `−x/y` of the first group's point.
    slope_factor: Fp2,
    /// `1/y`
    constant_factor: Fp2,
}

impl Term {
    /// No point of the first group has `y = 0`: its order is odd.
    fn new(x: &Bn254Coordinate, y: &Bn254Coordinate, q: G2) -> Self {
        let over_y = Bn254Coordinate::ONE.div_unsafe(y);
        Self {
            minus_q: q.negate(),
            multiple: q.clone(),
            slope_factor: Fp2::new(-(&over_y * x), Bn254Coordinate::ZERO),
            constant_factor: Fp2::new(over_y, Bn254Coordinate::ZERO),
            q,
        }
    }

    /// Takes the line of this slope through the multiple into `f`, over `y`, which lies in `Fp` and so changes nothing.
    fn line(&self, f: &Fp12, slope: &Fp2) -> Fp12 {
        let constant = slope * &self.multiple.x - &self.multiple.y;
        f.mul_by_line(&(slope * &self.slope_factor), &(constant * &self.constant_factor))
    }

    fn double(&mut self, f: &Fp12) -> Fp12 {
        let slope = self.multiple.tangent();
        let f = self.line(f, &slope);
        self.multiple = self.multiple.follow(&slope, &self.multiple.x);
        f
    }

    fn add(&mut self, f: &Fp12, point: &G2) -> Fp12 {
        let slope = self.multiple.chord(point);
        let f = self.line(f, &slope);
        self.multiple = self.multiple.follow(&slope, &point.x);
        f
    }
}

fn miller_loop(terms: &mut [Term]) -> Fp12 {
    let mut f = Fp12::ONE;
    for digit in (0..PLUS.ilog2()).rev() {
        f = f.square();
        for term in terms.iter_mut() {
            f = term.double(&f);
            if PLUS >> digit & 1 == 1 {
                f = term.add(&f, &term.q.clone());
            } else if MINUS >> digit & 1 == 1 {
                f = term.add(&f, &term.minus_q.clone());
            }
        }
    }
    for term in terms {
        let image = term.q.frobenius();
        f = term.add(&f, &image);
        f = term.add(&f, &image.frobenius().negate());
    }
    f
}

/// To a power whose result is one where the one to `(p¹² − 1)/r` is: `p⁶ − 1`, `p² + 1`, then `p⁴ − p² + 1` over `r`, times
/// `2x·(6x² + 3x + 1)`, which is `Σ λᵢ·pⁱ` with `λ₀ = 12x³ + 12x² + 6x + 1`, `λ₁ = 12x³ + 6x² + 4x`, `λ₂ = 12x³ + 6x² + 6x`,
/// `λ₃ = 12x³ + 6x² + 4x − 1` (Fuentes-Castañeda, Knapp and Rodríguez-Henríquez, Faster hashing to G2).
fn exponentiate(f: &Fp12) -> Fp12 {
    let f = f.conjugate().mul(&f.inverse());
    let f = f.frobenius().frobenius().mul(&f);
    // From here on the conjugate is the inverse.
    let f_2x = f.pow_x().square();
    let f_6x = f_2x.square().mul(&f_2x);
    let f_6xx = f_6x.pow_x();
    let f_12xxx = f_6xx.square().pow_x();
    let second = f_12xxx.mul(&f_6xx).mul(&f_6x);
    let first = second.mul(&f_2x.conjugate());
    let zeroth = second.mul(&f_6xx).mul(&f);
    let third = first.mul(&f.conjugate());
    [second, first, zeroth]
        .iter()
        .fold(third, |power, next| power.frobenius().mul(next))
}
