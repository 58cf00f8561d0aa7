//! Verification of P-256 signatures (EIP-7951).

use openvm_algebra_guest::{DivUnsafe, IntMod};
use openvm_ecc_guest::{
    Group,
    weierstrass::{IntrinsicCurve, WeierstrassPoint},
};

use crate::curves::{P256Coordinate, P256Point, P256Scalar, Secp256r1, reversed};

const GENERATOR_X: P256Coordinate = P256Coordinate::from_const_bytes(reversed(
    *b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96",
));
const GENERATOR_Y: P256Coordinate = P256Coordinate::from_const_bytes(reversed(
    *b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5",
));

/// Whether `signature` (`r ‖ s`) over `hash` is of `key` (`x ‖ y`).
pub(crate) fn verify(hash: &[u8; 32], signature: &[u8; 64], key: &[u8; 64]) -> bool {
    recovered_x(hash, signature, key).is_some_and(|(x, r)| x == r)
}

/// The x-coordinate of the signature's point modulo the order, and `r`; `None` if an input is out of range.
fn recovered_x(hash: &[u8; 32], signature: &[u8; 64], key: &[u8; 64]) -> Option<(P256Scalar, P256Scalar)> {
    let nonzero = |bytes| P256Scalar::from_be_bytes(bytes).filter(|scalar| *scalar != P256Scalar::ZERO);
    let r = nonzero(&signature[..32])?;
    let s = nonzero(&signature[32..])?;
    let x = P256Coordinate::from_be_bytes(&key[..32])?;
    let y = P256Coordinate::from_be_bytes(&key[32..])?;
    // SAFETY: checked to be on the curve, which has prime order; `(0, 0)` is not on it.
    let key = unsafe { P256Point::from_xy_nonidentity(x, y) }?;
    // SAFETY: the generator is on the curve, which has prime order.
    let generator = unsafe { P256Point::from_xy_unchecked(GENERATOR_X, GENERATOR_Y) };
    let u1 = P256Scalar::from_be_bytes_unchecked(hash).div_unsafe(&s);
    let u2 = r.clone().div_unsafe(&s);
    let point = Secp256r1::msm(&[u1, u2], &[generator, key]);
    if point.is_identity() {
        return None;
    }
    point.x().assert_reduced();
    // A coordinate can be above the order; the product is not.
    let x = P256Scalar::from_le_bytes_unchecked(point.x().as_le_bytes()) * &P256Scalar::ONE;
    Some((x, r))
}
