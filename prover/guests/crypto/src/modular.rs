//! Products and powers modulo BN254's two primes, by `MULMOD` and EIP-198: most of what a contract does that verifies a proof.

use alloc::vec::Vec;

use alloy_primitives::U256;
use openvm_algebra_guest::IntMod;

use crate::curves::{Bn254Coordinate, Bn254Scalar};

/// Bytes of the two primes.
const BYTES: usize = 32;

/// The product; nothing where the machine has no instructions for the modulus.
pub(crate) fn product(left: &U256, right: &U256, modulus: &U256) -> Option<U256> {
    product_in::<Bn254Scalar>(left, right, modulus).or_else(|| product_in::<Bn254Coordinate>(left, right, modulus))
}

fn product_in<F: IntMod<Repr = [u8; BYTES]>>(left: &U256, right: &U256, modulus: &U256) -> Option<U256> {
    if *modulus != U256::from_le_bytes(F::MODULUS) {
        return None;
    }
    // Any 256-bit numbers: the machine reduces them.
    let mut product = F::from_repr(left.to_le_bytes());
    product *= &F::from_repr(right.to_le_bytes());
    product.assert_reduced();
    U256::try_from_le_slice(product.as_le_bytes())
}

/// The power, as long as the modulus; nothing where the machine has no instructions for the modulus or a number is longer.
pub(crate) fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    power_in::<Bn254Scalar>(base, exponent, modulus).or_else(|| power_in::<Bn254Coordinate>(base, exponent, modulus))
}

fn power_in<F: IntMod<Repr = [u8; BYTES]>>(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    if !modulus.iter().eq(F::MODULUS.iter().rev()) || exponent.len() > BYTES {
        return None;
    }
    let mut padded = [0; BYTES];
    padded[BYTES.checked_sub(base.len())?..].copy_from_slice(base);
    let base = F::from_be_bytes_unchecked(&padded);
    let mut power = F::ONE;
    for byte in exponent {
        for bit in (0..u8::BITS).rev() {
            power.square_assign();
            if byte >> bit & 1 == 1 {
                power *= &base;
            }
        }
    }
    power.assert_reduced();
    Some(power.to_be_bytes().to_vec())
}
