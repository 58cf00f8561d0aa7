//! Fields and curves that the machine has instructions for. The order here is free; that of `openvm_init.rs` is not.

#![allow(missing_docs, unreachable_pub, non_upper_case_globals)]

use core::ops::Neg;

use openvm_algebra_guest::{IntMod, complex_macros::complex_declare, moduli_macros::moduli_declare};
use openvm_ecc_guest::{
    Group,
    sw_macros::sw_declare,
    weierstrass::{CachedMulTable, IntrinsicCurve},
};

moduli_declare! {
    Bn254Coordinate { modulus = "21888242871839275222246405745257275088696311157297823662689037894645226208583" },
    Bn254Scalar { modulus = "21888242871839275222246405745257275088548364400416034343698204186575808495617" },
    K256Coordinate { modulus = "115792089237316195423570985008687907853269984665640564039457584007908834671663" },
    K256Scalar { modulus = "115792089237316195423570985008687907852837564279074904382605163141518161494337" },
    P256Coordinate { modulus = "115792089210356248762697446949407573530086143415290314195533631308867097853951" },
    P256Scalar { modulus = "115792089210356248762697446949407573529996955224135760342422259061068512044369" },
    BlsScalar { modulus = "52435875175126190479447740508185965837690552500527637822603658699938581184513" },
}

complex_declare! {
    Bn254Fp2 { mod_type = Bn254Coordinate },
}

const BN254_B: Bn254Coordinate = Bn254Coordinate::from_const_bytes(small(3));
const K256_B: K256Coordinate = K256Coordinate::from_const_bytes(small(7));
/// `p - 3`
const P256_A: P256Coordinate = P256Coordinate::from_const_bytes(reversed(
    *b"\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc",
));
const P256_B: P256Coordinate = P256Coordinate::from_const_bytes(reversed(
    *b"\x5a\xc6\x35\xd8\xaa\x3a\x93\xe7\xb3\xeb\xbd\x55\x76\x98\x86\xbc\x65\x1d\x06\xb0\xcc\x53\xb0\xf6\x3b\xce\x3c\x3e\x27\xd2\x60\x4b",
));

sw_declare! {
    Bn254G1Affine { mod_type = Bn254Coordinate, b = BN254_B },
    Secp256k1Point { mod_type = K256Coordinate, b = K256_B },
    P256Point { mod_type = P256Coordinate, a = P256_A, b = P256_B },
}

const fn small(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = value;
    bytes
}

/// Big-endian as written, little-endian as stored.
pub(crate) const fn reversed(bytes: [u8; 32]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut i = 0;
    while i < 32 {
        out[i] = bytes[31 - i];
        i += 1;
    }
    out
}

/// Bits of a multiplication table's window.
const WINDOW_BITS: usize = 4;

macro_rules! curve {
    ($name:ident, $point:ty, $scalar:ty) => {
        /// A curve of prime order.
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl IntrinsicCurve for $name {
            type Scalar = $scalar;
            type Point = $point;

            fn msm(scalars: &[$scalar], points: &[$point]) -> $point {
                CachedMulTable::<'_, Self>::new_with_prime_order(points, WINDOW_BITS).windowed_mul(scalars)
            }
        }
    };
}

curve!(Bn254, Bn254G1Affine, Bn254Scalar);
curve!(Secp256r1, P256Point, P256Scalar);

/// The low bit of an element's number. Ends the program if the host gave a representation that is not canonical.
pub(crate) fn is_odd(element: &impl IntMod) -> bool {
    element.assert_reduced();
    element.as_le_bytes()[0] & 1 == 1
}
