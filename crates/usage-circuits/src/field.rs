//! Elements of the protocol as the proof system's scalars, and back.

use alloy_primitives::U256;
use cwe_usage::Element;
use halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};

/// The scalar that an element is.
pub(crate) fn scalar(element: Element) -> Fr {
    scalar_of(element.to_uint())
}

/// The scalar that a number below the modulus is; zero for any other.
pub(crate) fn scalar_of(number: U256) -> Fr {
    Option::from(Fr::from_repr(number.to_le_bytes())).unwrap_or_default()
}

/// The number that a scalar stands for.
pub(crate) fn uint(scalar: &Fr) -> U256 {
    U256::from_le_bytes(scalar.to_repr())
}

/// 2^`exponent`, of an exponent below 254.
pub(crate) fn power_of_two(exponent: usize) -> Fr {
    scalar_of(U256::from(1) << exponent)
}
