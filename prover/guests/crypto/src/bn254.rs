//! BN254: additions and multiplications (EIP-196), products of pairings (EIP-197).

mod fp12;
mod g2;
pub(crate) mod pairing;

use openvm_algebra_guest::IntMod;
use openvm_ecc_guest::weierstrass::{IntrinsicCurve, WeierstrassPoint};
use revm::precompile::PrecompileHalt;

use crate::curves::{Bn254, Bn254Coordinate, Bn254G1Affine, Bn254Scalar};

pub(crate) fn add(left: &[u8], right: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
    Ok(encode(&(decode(left)? + decode(right)?)))
}

pub(crate) fn mul(point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
    let point = decode(point)?;
    // A scalar is any 256-bit number; the windows read its bits as they are.
    let scalar = Bn254Scalar::from_be_bytes_unchecked(scalar);
    Ok(encode(&Bn254::msm(&[scalar], &[point])))
}

/// `x ‖ y`, canonical and on the curve; `(0, 0)` is the identity. The curve has prime order.
fn decode(bytes: &[u8]) -> Result<Bn254G1Affine, PrecompileHalt> {
    let x = coordinate(&bytes[..32])?;
    let y = coordinate(&bytes[32..64])?;
    // SAFETY: checked to be on the curve, which has prime order.
    unsafe { Bn254G1Affine::from_xy(x, y) }.ok_or(PrecompileHalt::Bn254AffineGFailedToCreate)
}

fn coordinate(bytes: &[u8]) -> Result<Bn254Coordinate, PrecompileHalt> {
    Bn254Coordinate::from_be_bytes(bytes).ok_or(PrecompileHalt::Bn254FieldPointNotAMember)
}

fn encode(point: &Bn254G1Affine) -> [u8; 64] {
    point.x().assert_reduced();
    point.y().assert_reduced();
    let mut out = [0; 64];
    out[..32].copy_from_slice(&point.x().to_be_bytes());
    out[32..].copy_from_slice(&point.y().to_be_bytes());
    out
}
