//! The field and the group, which `openvm_init.rs` binds to the machine's numbers for them.

#![allow(missing_docs, unreachable_pub, non_upper_case_globals)]

use core::ops::Neg;

use openvm_algebra_guest::{moduli_macros::moduli_declare};
use openvm_ecc_guest::{sw_macros::sw_declare, Group};

moduli_declare! {
    Bn254Coordinate { modulus = "21888242871839275222246405745257275088696311157297823662689037894645226208583" },
    Bn254Scalar { modulus = "21888242871839275222246405745257275088548364400416034343698204186575808495617" },
}

const B: Bn254Coordinate = Bn254Coordinate::from_const_bytes({
    let mut bytes = [0; 32];
    bytes[0] = 3;
    bytes
});

sw_declare! {
    Bn254G1Affine { mod_type = Bn254Coordinate, b = B },
}

/// The points that differ from another only in sign, or not at all, are those with its `x`.
pub(crate) fn shares_x(left: &Bn254G1Affine, right: &Bn254G1Affine) -> bool {
    use openvm_ecc_guest::weierstrass::WeierstrassPoint;
    // SAFETY: the field is set up with the curve, which whoever adds points has set up.
    unsafe { left.x().eq_impl::<false>(right.x()) }
}

impl Bn254Scalar {
    pub(crate) fn add_to(&self, other: &Self, out: &mut Self) {
        // SAFETY: `out` is valid for writes.
        unsafe { self.add_refs_impl::<true>(other, out) };
    }

    pub(crate) fn subtract_to(&self, other: &Self, out: &mut Self) {
        // SAFETY: `out` is valid for writes.
        unsafe { self.sub_refs_impl(other, out) };
    }

    pub(crate) fn multiply_to(&self, other: &Self, out: &mut Self) {
        // SAFETY: `out` is valid for writes.
        unsafe { self.mul_refs_impl(other, out) };
    }
}
