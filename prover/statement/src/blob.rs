//! The value of a batch's blobs at the point that their data chooses.
//!
//! A blob is a polynomial given by its values at the 4096th roots of unity, in bit-reversed order (EIP-4844). L1 checks
//! with the point-evaluation precompile that the committed polynomial has value `y` at `z`; a proof shows that the
//! executed data has the same value there. `z` depends on both, so they are the same polynomial.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256, b256, keccak256};
use cwe_primitives::{
    batch::BlobOpening,
    blob::{BLOB_DATA, MAX_BLOBS},
};

use crate::{
    error::StatementError,
    scalar::{SCALAR_MODULUS, Scalar},
};

/// Field elements of a blob.
const ELEMENTS: usize = 4096;

/// Data bytes in one field element.
const ELEMENT_DATA: usize = 31;

/// Bytes of the length before the data.
const PREFIX: usize = 4;

/// A primitive 4096th root of unity: 7 to the power of `(modulus - 1) / 4096`.
const ROOT_OF_UNITY: B256 = b256!("0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306");

/// Openings of the blobs that hold `data`, under the versioned hashes that L1 has of them.
///
/// # Errors
/// There are not as many hashes as `data` takes blobs.
pub fn open_blobs<F: Scalar>(versioned_hashes: &[B256], data: &[u8]) -> Result<Vec<BlobOpening>, StatementError> {
    let expected = data.len().saturating_add(PREFIX).div_ceil(BLOB_DATA);
    if versioned_hashes.len() != expected || expected > MAX_BLOBS {
        return Err(StatementError::BlobCount {
            found: versioned_hashes.len(),
            expected,
        });
    }
    let length = u32::try_from(data.len()).map_err(|_| StatementError::BlobCount {
        found: versioned_hashes.len(),
        expected,
    })?;
    let roots = roots::<F>((data.len() + PREFIX).min(BLOB_DATA));
    let data_hash = keccak256(data);
    let mut framed = Vec::with_capacity(PREFIX + data.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(data);
    let open = |(hash, chunk): (&B256, &[u8])| {
        let z = challenge(*hash, data_hash);
        BlobOpening {
            versioned_hash: *hash,
            z,
            y: evaluate_at(&F::from_canonical(&z.0), chunk, &roots)
                .to_canonical()
                .into(),
        }
    };
    Ok(versioned_hashes
        .iter()
        .zip(framed.chunks(BLOB_DATA))
        .map(open)
        .collect())
}

/// The point at which a blob is opened: `keccak256(versionedHash ‖ keccak256(data))` modulo the scalar modulus.
pub fn challenge(versioned_hash: B256, data_hash: B256) -> B256 {
    let mut buf = [0; 64];
    buf[..32].copy_from_slice(versioned_hash.as_slice());
    buf[32..].copy_from_slice(data_hash.as_slice());
    (U256::from_be_bytes(keccak256(buf).0) % SCALAR_MODULUS).into()
}

/// The value at `z` (a canonical scalar) of the polynomial of a blob that begins with `chunk`, 31 bytes an element, and
/// is zero after it. Bytes beyond a blob's are ignored.
pub fn evaluate<F: Scalar>(z: B256, chunk: &[u8]) -> B256 {
    let chunk = &chunk[..chunk.len().min(BLOB_DATA)];
    evaluate_at(&F::from_canonical(&z.0), chunk, &roots::<F>(chunk.len()))
        .to_canonical()
        .into()
}

/// Barycentric: `(z⁴⁰⁹⁶ - 1) / 4096 · Σ fᵢ·ωᵢ / (z - ωᵢ)`; where `z` is a root itself, the value there.
fn evaluate_at<F: Scalar>(z: &F, chunk: &[u8], roots: &[F]) -> F {
    let elements = chunk.chunks(ELEMENT_DATA).zip(roots);
    let mut power = z.clone();
    for _ in 0..ELEMENTS.ilog2() {
        power = power.clone() * &power;
    }
    let one = F::from_u32(1);
    if power == one {
        let at_z = elements.into_iter().find(|(_, root)| *root == z);
        return at_z.map_or(F::from_u32(0), |(bytes, _)| element(bytes));
    }
    let mut sum = F::from_u32(0);
    for (bytes, root) in elements {
        let term = (element::<F>(bytes) * root).divide(&(z.clone() - root));
        sum = sum + &term;
    }
    ((power - &one) * &sum).divide(&F::from_u32(4096))
}

/// The element that holds up to 31 bytes.
fn element<F: Scalar>(bytes: &[u8]) -> F {
    let mut number = [0; 32];
    number[1..=bytes.len()].copy_from_slice(bytes);
    F::from_canonical(&number)
}

/// The roots of unity under the first `length` bytes of a blob at least, bit-reversed.
///
/// The second half of every power of two is the first half times one more root.
fn roots<F: Scalar>(length: usize) -> Vec<F> {
    let count = length.div_ceil(ELEMENT_DATA).min(ELEMENTS);
    let mut steps = Vec::with_capacity(12);
    let mut step = F::from_canonical(&ROOT_OF_UNITY.0);
    for _ in 0..ELEMENTS.ilog2() {
        steps.push(step.clone());
        step = step.clone() * &step;
    }
    let mut roots = Vec::with_capacity(count.next_power_of_two());
    roots.push(F::from_u32(1));
    for step in steps.iter().rev() {
        if roots.len() >= count {
            break;
        }
        for index in 0..roots.len() {
            roots.push(roots[index].clone() * step);
        }
    }
    roots
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::scalar::NativeScalar;

    type F = NativeScalar;

    /// The value by the definition: Lagrange's formula over all 4096 points.
    fn lagrange(z: F, chunk: &[u8], count: usize) -> B256 {
        let all = roots::<F>(BLOB_DATA);
        let mut sum = F::from_u32(0);
        for (index, bytes) in chunk.chunks(ELEMENT_DATA).enumerate().take(count) {
            let mut term = element::<F>(bytes);
            for (other, root) in all.iter().enumerate() {
                if other != index {
                    term = (term * &(z - root)).divide(&(all[index] - root));
                }
            }
            sum = sum + &term;
        }
        sum.to_canonical().into()
    }

    #[test]
    fn the_barycentric_value_is_that_of_the_polynomial() {
        let chunk: Vec<u8> = (0..70u8).collect();
        let z = challenge(B256::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(evaluate::<F>(z, &chunk), lagrange(F::from_canonical(&z.0), &chunk, 3));
    }

    #[test]
    fn the_roots_are_those_of_a_blob() {
        let roots = roots::<F>(BLOB_DATA);
        assert_eq!(roots.len(), ELEMENTS);
        let omega = F::from_canonical(&ROOT_OF_UNITY.0);
        for index in [0u16, 1, 2, 3, 1000, 4095] {
            let exponent = index.reverse_bits() >> 4;
            let power = (0..exponent).fold(F::from_u32(1), |power, _| power * &omega);
            assert!(roots[usize::from(index)] == power, "root {index}");
        }
    }

    #[test]
    fn at_a_root_the_value_is_the_element() {
        let chunk: Vec<u8> = (0..93u8).collect();
        for index in 0..3 {
            let z = roots::<F>(93)[index].to_canonical().into();
            let mut expected = [0; 32];
            expected[1..].copy_from_slice(&chunk[index * 31..(index + 1) * 31]);
            assert_eq!(evaluate::<F>(z, &chunk), B256::from(expected));
        }
        let beyond = roots::<F>(BLOB_DATA)[9].to_canonical().into();
        assert_eq!(evaluate::<F>(beyond, &chunk), B256::ZERO);
    }

    #[test]
    fn data_fills_as_few_blobs_as_it_needs() {
        let hashes = [B256::repeat_byte(1), B256::repeat_byte(2)];
        let data = vec![7; BLOB_DATA - PREFIX];
        assert_eq!(open_blobs::<F>(&hashes[..1], &data).unwrap().len(), 1);
        assert!(matches!(
            open_blobs::<F>(&hashes, &data),
            Err(StatementError::BlobCount { found: 2, expected: 1 })
        ));
        let data = vec![7; BLOB_DATA - PREFIX + 1];
        assert!(open_blobs::<F>(&hashes[..1], &data).is_err());
        assert_eq!(open_blobs::<F>(&hashes, &data).unwrap().len(), 2);
    }
}
