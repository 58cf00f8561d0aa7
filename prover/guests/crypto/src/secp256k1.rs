//! Recovery of signers.

use alloc::{boxed::Box, vec::Vec};

use openvm_algebra_guest::{DivUnsafe, IntMod, Sqrt};
use openvm_ecc_guest::{once_cell::race::OnceBox, weierstrass::WeierstrassPoint};

use crate::curves::{K256Coordinate, K256Scalar, Secp256k1Point, is_odd, reversed};

const GENERATOR_X: K256Coordinate = K256Coordinate::from_const_bytes(reversed(
    *b"\x79\xbe\x66\x7e\xf9\xdc\xbb\xac\x55\xa0\x62\x95\xce\x87\x0b\x07\x02\x9b\xfc\xdb\x2d\xce\x28\xd9\x59\xf2\x81\x5b\x16\xf8\x17\x98",
));
const GENERATOR_Y: K256Coordinate = K256Coordinate::from_const_bytes(reversed(
    *b"\x48\x3a\xda\x77\x26\xa3\xc4\x65\x5d\xa4\xfb\xfc\x0e\x11\x08\xa8\xfd\x17\xb4\x48\xa6\x85\x54\x19\x9c\x47\xd0\x8f\xfb\x10\xd4\xb8",
));
const SEVEN: K256Coordinate = K256Coordinate::from_const_bytes({
    let mut bytes = [0; 32];
    bytes[0] = 7;
    bytes
});

/// The public key, `x ‖ y`, whose signature `r ‖ s` over `hash` is; `recovery_id` is 0 … 3.
pub(crate) fn recover(signature: &[u8; 64], recovery_id: u8, hash: &[u8; 32]) -> Option<[u8; 64]> {
    let (r_bytes, s_bytes) = signature.split_at(32);
    let r = nonzero(r_bytes)?;
    let s = nonzero(s_bytes)?;
    let nonce = nonce_point(r_bytes, recovery_id)?;
    // The hash is a number modulo the order; the machine reduces it.
    let z = K256Scalar::from_be_bytes_unchecked(hash);
    let u1 = -(z.div_unsafe(&r));
    let u2 = s.div_unsafe(&r);
    combine(&u1, &u2, &nonce).map(|key| encode(&key))
}

/// `u1·G + u2·R`, or `None` for the identity: eight doublings a byte, with a table of 255 multiples for the generator and
/// of 15 for the signature's point.
fn combine(u1: &K256Scalar, u2: &K256Scalar, nonce: &Secp256k1Point) -> Option<Secp256k1Point> {
    Secp256k1Point::set_up_once();
    let generator = generator_multiples();
    let nonces = multiples(nonce, 15);
    let mut sum = Sum(None);
    for (of_generator, of_nonce) in u1.as_le_bytes().iter().zip(u2.as_le_bytes()).rev() {
        sum.shift();
        sum.add(&nonces, of_nonce >> 4);
        sum.shift();
        sum.add(&nonces, of_nonce & 0xf);
        sum.add(generator, *of_generator);
    }
    sum.0
}

/// `G, 2·G, …, 255·G`, computed once.
fn generator_multiples() -> &'static [Secp256k1Point] {
    static MULTIPLES: OnceBox<Vec<Secp256k1Point>> = OnceBox::new();
    MULTIPLES.get_or_init(|| {
        // SAFETY: the generator is on the curve, which has prime order.
        let generator = unsafe { Secp256k1Point::from_xy_unchecked(GENERATOR_X, GENERATOR_Y) };
        Box::new(multiples(&generator, 255))
    })
}

/// `P, 2·P, …, count·P` of a point that is not the identity; `count` is far below the order. The curve is set up.
fn multiples(point: &Secp256k1Point, count: usize) -> Vec<Secp256k1Point> {
    let mut multiples = Vec::with_capacity(count);
    multiples.push(point.clone());
    // SAFETY: not the identity; and `n·P` is neither `P` nor `-P` for `n` between 2 and the order less 2.
    unsafe {
        multiples.push(point.double_nonidentity::<false>());
        for index in 1..count - 1 {
            multiples.push(multiples[index].add_ne_nonidentity::<false>(point));
        }
    }
    multiples
}

/// A sum of points; `None` is the identity. The curve is set up.
struct Sum(Option<Secp256k1Point>);

impl Sum {
    /// Four doublings.
    #[inline(always)]
    fn shift(&mut self) {
        if let Some(sum) = &mut self.0 {
            for _ in 0..4 {
                // SAFETY: not the identity, and no point has order 2.
                unsafe { sum.double_assign_nonidentity::<false>() };
            }
        }
    }

    /// Adds the `number`th of `multiples`, the first for 1; nothing for 0.
    #[inline(always)]
    fn add(&mut self, multiples: &[Secp256k1Point], number: u8) {
        let Some(point) = usize::from(number).checked_sub(1).map(|index| &multiples[index]) else {
            return;
        };
        let Some(sum) = &mut self.0 else {
            self.0 = Some(point.clone());
            return;
        };
        // SAFETY: the field is set up with the curve.
        if unsafe { !sum.x().eq_impl::<false>(point.x()) } {
            // SAFETY: neither is the identity, and they differ in `x`.
            unsafe { sum.add_ne_assign_nonidentity::<false>(point) };
        } else if sum.y() == point.y() {
            // SAFETY: as in `shift`.
            unsafe { sum.double_assign_nonidentity::<false>() };
        } else {
            self.0 = None;
        }
    }
}

/// A scalar between 1 and the order.
fn nonzero(bytes: &[u8]) -> Option<K256Scalar> {
    K256Scalar::from_be_bytes(bytes).filter(|scalar| *scalar != K256Scalar::ZERO)
}

/// The point whose `x` is `r`, or `r` plus the order if bit 1 of the id says so, and whose `y` has the parity of bit 0.
fn nonce_point(r: &[u8], recovery_id: u8) -> Option<Secp256k1Point> {
    let x = if recovery_id & 2 == 0 {
        K256Coordinate::from_be_bytes(r)?
    } else {
        plus_order(r)?
    };
    let y = (x.clone() * &x * &x + &SEVEN).sqrt()?;
    let want_odd = recovery_id & 1 == 1;
    let y = if is_odd(&y) == want_odd { y } else { -y };
    // The curve has no point with y = 0, so one of both roots has the parity.
    if is_odd(&y) != want_odd {
        return None;
    }
    // SAFETY: y² = x³ + 7 by the root's definition, and the curve has prime order.
    Some(unsafe { Secp256k1Point::from_xy_unchecked(x, y) })
}

/// `r` plus the order as a coordinate, if it is one.
fn plus_order(r: &[u8]) -> Option<K256Coordinate> {
    let mut sum = [0; 32];
    let mut carry = 0;
    for index in 0..32 {
        let digit = u16::from(r[31 - index]) + u16::from(K256Scalar::MODULUS[index]) + carry;
        sum[index] = (digit & 0xff) as u8;
        carry = digit >> 8;
    }
    (carry == 0).then(|| K256Coordinate::from_le_bytes(&sum)).flatten()
}

/// `x ‖ y`, big-endian.
fn encode(point: &Secp256k1Point) -> [u8; 64] {
    point.x().assert_reduced();
    point.y().assert_reduced();
    let mut out = [0; 64];
    out[..32].copy_from_slice(&point.x().to_be_bytes());
    out[32..].copy_from_slice(&point.y().to_be_bytes());
    out
}
