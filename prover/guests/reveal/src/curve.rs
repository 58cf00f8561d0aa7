//! The field and the group, which `openvm_init.rs` binds to the machine's numbers for them.

#![allow(missing_docs, unreachable_pub, non_upper_case_globals)]

use core::ops::Neg;

use openvm_algebra_guest::{moduli_macros::moduli_declare, IntMod};
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
