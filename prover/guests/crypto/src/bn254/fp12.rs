//! The field of BN254's pairings: `Fp2[w] / (w⁶ − ξ)` with `ξ = 9 + u`.

use core::array::from_fn;

use alloy_primitives::hex;
use openvm_algebra_guest::{DivUnsafe, field::ComplexConjugate};

use crate::curves::{Bn254Coordinate, Bn254Fp2 as Fp2, reversed};

const DEGREE: usize = 6;
/// The curve's parameter `x`.
pub(super) const X: u64 = 0x44e9_92b4_4a69_09f1;
const XI: Fp2 = fp2(
    hex!("0000000000000000000000000000000000000000000000000000000000000009"),
    hex!("0000000000000000000000000000000000000000000000000000000000000001"),
);
/// `ξ^(i·(p − 1)/6)`: `wⁱ` to the power of `p` is `wⁱ` times the `i`th.
pub(super) const FROBENIUS: [Fp2; DEGREE] = [
    Fp2::ONE,
    fp2(
        hex!("1284b71c2865a7dfe8b99fdd76e68b605c521e08292f2176d60b35dadcc9e470"),
        hex!("246996f3b4fae7e6a6327cfe12150b8e747992778eeec7e5ca5cf05f80f362ac"),
    ),
    fp2(
        hex!("2fb347984f7911f74c0bec3cf559b143b78cc310c2c3330c99e39557176f553d"),
        hex!("16c9e55061ebae204ba4cc8bd75a079432ae2a1d0b7c9dce1665d51c640fcba2"),
    ),
    fp2(
        hex!("063cf305489af5dcdc5ec698b6e2f9b9dbaae0eda9c95998dc54014671a0135a"),
        hex!("07c03cbcac41049a0704b5a7ec796f2b21807dc98fa25bd282d37f632623b0e3"),
    ),
    fp2(
        hex!("05b54f5e64eea80180f3c0b75a181e84d33365f7be94ec72848a1f55921ea762"),
        hex!("2c145edbe7fd8aee9f3a80b03b0b1c923685d2ea1bdec763c13b4711cd2b8126"),
    ),
    fp2(
        hex!("0183c1e74f798649e93a3661a4353ff4425c459b55aa1bd32ea2c810eab7692f"),
        hex!("12acf2ca76fd0675a27fb246c7729f7db080cb99678e2ac024c6b8ee6e0c2c4b"),
    ),
];

/// `c0 + c1·u` from big-endian numbers.
pub(super) const fn fp2(c0: [u8; 32], c1: [u8; 32]) -> Fp2 {
    Fp2::new(
        Bn254Coordinate::from_const_bytes(reversed(c0)),
        Bn254Coordinate::from_const_bytes(reversed(c1)),
    )
}

/// An element, by its coefficients of `w⁰ … w⁵`.
#[derive(Clone, PartialEq)]
pub(super) struct Fp12([Fp2; DEGREE]);

impl Fp12 {
    pub(super) const ONE: Self = Self([Fp2::ONE, Fp2::ZERO, Fp2::ZERO, Fp2::ZERO, Fp2::ZERO, Fp2::ZERO]);

    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut product = Product::new();
        for (left, a) in self.0.iter().enumerate() {
            for (right, b) in other.0.iter().enumerate() {
                product.add(left + right, &(a * b));
            }
        }
        product.reduce()
    }

    pub(super) fn square(&self) -> Self {
        let mut product = Product::new();
        for (left, a) in self.0.iter().enumerate() {
            product.add(2 * left, &(a * a));
            let twice = a + a;
            for (right, b) in self.0.iter().enumerate().skip(left + 1) {
                product.add(left + right, &(&twice * b));
            }
        }
        product.reduce()
    }

    /// Times `1 + b·w + c·w³`.
    pub(super) fn mul_by_line(&self, b: &Fp2, c: &Fp2) -> Self {
        let mut product = Product(self.0.clone(), [const { Fp2::ZERO }; DEGREE]);
        for (power, a) in self.0.iter().enumerate() {
            product.add(power + 1, &(a * b));
            product.add(power + 3, &(a * c));
        }
        product.reduce()
    }

    /// To the power of `p⁶`: the inverse of an element whose norm over `Fp6` is one.
    pub(super) fn conjugate(&self) -> Self {
        Self(from_fn(|power| match power % 2 {
            0 => self.0[power].clone(),
            _ => -&self.0[power],
        }))
    }

    /// To the power of `p`.
    pub(super) fn frobenius(&self) -> Self {
        Self(from_fn(|power| self.0[power].clone().conjugate() * &FROBENIUS[power]))
    }

    /// One over an element that is not zero: the conjugate over the norm in `Fp6 = Fp2[w²]`, and that one's inverse by its
    /// adjoint over its norm in `Fp2`.
    pub(super) fn inverse(&self) -> Self {
        let conjugate = self.conjugate();
        let Self([n0, _, n1, _, n2, _]) = self.mul(&conjugate);
        let c0 = &n0 * &n0 - &(&n1 * &n2 * &XI);
        let c1 = &n2 * &n2 * &XI - &(&n0 * &n1);
        let c2 = &n1 * &n1 - &(&n0 * &n2);
        let norm = &n0 * &c0 + &((&n2 * &c1 + &(&n1 * &c2)) * &XI);
        // Not zero, or the element would be; the machine's division has no result then.
        let over = Fp2::ONE.div_unsafe(&norm);
        let zero = || Fp2::ZERO;
        conjugate.mul(&Self([&c0 * &over, zero(), &c1 * &over, zero(), &c2 * &over, zero()]))
    }

    /// To the power of the curve's parameter.
    pub(super) fn pow_x(&self) -> Self {
        let mut power = self.clone();
        for bit in (0..X.ilog2()).rev() {
            power = power.square();
            if X >> bit & 1 == 1 {
                power = power.mul(self);
            }
        }
        power
    }
}

/// A product on its way: the coefficients of `w⁰ … w⁵` and of `w⁶ … w¹¹`. They are changed in place, since a copy of one costs
/// several times what an addition does.
struct Product([Fp2; DEGREE], [Fp2; DEGREE]);

impl Product {
    const fn new() -> Self {
        Self([const { Fp2::ZERO }; DEGREE], [const { Fp2::ZERO }; DEGREE])
    }

    #[inline(always)]
    fn add(&mut self, power: usize, term: &Fp2) {
        match power.checked_sub(DEGREE) {
            None => self.0[power] += term,
            Some(above) => self.1[above] += term,
        }
    }

    fn reduce(mut self) -> Fp12 {
        for (low, high) in self.0.iter_mut().zip(&self.1) {
            *low += &(high * &XI);
        }
        Fp12(self.0)
    }
}
