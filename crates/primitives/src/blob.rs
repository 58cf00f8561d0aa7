//! Packing batch data into EIP-4844 blobs. `docs/PROTOCOL.md` §Batches.

use alloc::{vec, vec::Vec};

/// Bytes of one blob.
pub const BLOB_BYTES: usize = 131_072;

/// Field elements of one blob.
const ELEMENTS: usize = 4096;

/// Data bytes in one field element: the top byte stays 0, so that every element is canonical.
const ELEMENT_DATA: usize = 31;

/// Data bytes in one blob.
pub const BLOB_DATA: usize = ELEMENTS * ELEMENT_DATA;

/// Most blobs of one batch.
pub const MAX_BLOBS: usize = 6;

/// Most data bytes of one batch in blobs.
pub const MAX_DATA: usize = MAX_BLOBS * BLOB_DATA - LENGTH_BYTES;

const LENGTH_BYTES: usize = 4;

/// Blobs that don't hold batch data, or data that doesn't fit blobs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The data is too long.
    #[error("{0} bytes of batch data don't fit {MAX_BLOBS} blobs of {BLOB_DATA} bytes")]
    TooLong(usize),
    /// None, too many, or not as many as the length asks for.
    #[error("{found} blobs, {expected} expected")]
    Count {
        /// Blobs given.
        found: usize,
        /// Blobs that the data's length asks for, or the limit.
        expected: usize,
    },
    /// A blob has a wrong size.
    #[error("a blob has {0} bytes instead of {BLOB_BYTES}")]
    Size(usize),
    /// A byte that must be zero is not.
    #[error("blob byte {0} is padding and must be 0")]
    Padding(usize),
}

/// Packs data into as few blobs as it needs.
///
/// # Errors
/// [`BlobError::TooLong`].
pub fn pack(data: &[u8]) -> Result<Vec<Vec<u8>>, BlobError> {
    if data.len() > MAX_DATA {
        return Err(BlobError::TooLong(data.len()));
    }
    let length = u32::try_from(data.len()).map_err(|_| BlobError::TooLong(data.len()))?;
    let framed: Vec<u8> = length.to_be_bytes().into_iter().chain(data.iter().copied()).collect();
    Ok(framed.chunks(BLOB_DATA).map(pack_one).collect())
}

fn pack_one(chunk: &[u8]) -> Vec<u8> {
    let mut blob = vec![0u8; BLOB_BYTES];
    for (element, bytes) in blob.chunks_exact_mut(32).zip(chunk.chunks(ELEMENT_DATA)) {
        element[1..=bytes.len()].copy_from_slice(bytes);
    }
    blob
}

/// Unpacks the data of a batch's blobs; the packing is unique, every other filling is refused.
///
/// # Errors
/// [`BlobError`]; any input is allowed.
pub fn unpack<B: AsRef<[u8]>>(blobs: &[B]) -> Result<Vec<u8>, BlobError> {
    if blobs.is_empty() || blobs.len() > MAX_BLOBS {
        return Err(BlobError::Count {
            found: blobs.len(),
            expected: blobs.len().clamp(1, MAX_BLOBS),
        });
    }
    let mut framed = Vec::with_capacity(blobs.len() * BLOB_DATA);
    for blob in blobs {
        let blob = blob.as_ref();
        if blob.len() != BLOB_BYTES {
            return Err(BlobError::Size(blob.len()));
        }
        for (position, element) in blob.chunks_exact(32).enumerate() {
            if element[0] != 0 {
                return Err(BlobError::Padding(position * 32));
            }
            framed.extend_from_slice(&element[1..]);
        }
    }
    let mut prefix = [0u8; LENGTH_BYTES];
    prefix.copy_from_slice(&framed[..LENGTH_BYTES]);
    let end = (u32::from_be_bytes(prefix) as usize).saturating_add(LENGTH_BYTES);
    let expected = end.div_ceil(BLOB_DATA);
    if expected != blobs.len() {
        return Err(BlobError::Count {
            found: blobs.len(),
            expected,
        });
    }
    if let Some(offset) = framed[end..].iter().position(|byte| *byte != 0) {
        return Err(BlobError::Padding(end + offset));
    }
    framed.truncate(end);
    framed.drain(..LENGTH_BYTES);
    Ok(framed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn data_survives_packing(len in prop_oneof![0usize..200, BLOB_DATA - 6..BLOB_DATA + 6, Just(MAX_DATA)], seed in any::<u8>()) {
            let data: Vec<u8> = (0u8..=255).cycle().take(len).map(|i| i.wrapping_mul(seed)).collect();
            let blobs = pack(&data).unwrap();
            prop_assert!(blobs.iter().flat_map(|blob| blob.chunks(32)).all(|element| element[0] == 0));
            prop_assert_eq!(unpack(&blobs).unwrap(), data);
        }
    }

    #[test]
    fn too_much_data_is_refused() {
        assert_eq!(pack(&vec![0; MAX_DATA + 1]), Err(BlobError::TooLong(MAX_DATA + 1)));
    }

    #[test]
    fn a_second_packing_of_the_same_data_is_refused() {
        let mut blobs = pack(b"data").unwrap();
        blobs[0][40] = 1;
        assert!(matches!(unpack(&blobs), Err(BlobError::Padding(_))));
        let mut blobs = pack(b"data").unwrap();
        blobs[0][32] = 1;
        assert_eq!(unpack(&blobs), Err(BlobError::Padding(32)));
        let mut blobs = pack(b"data").unwrap();
        blobs.push(vec![0; BLOB_BYTES]);
        assert_eq!(unpack(&blobs), Err(BlobError::Count { found: 2, expected: 1 }));
    }

    #[test]
    fn a_length_beyond_the_blobs_is_refused() {
        let mut blobs = pack(b"data").unwrap();
        blobs[0][1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(unpack(&blobs), Err(BlobError::Count { found: 1, .. })));
        assert_eq!(unpack::<Vec<u8>>(&[]), Err(BlobError::Count { found: 0, expected: 1 }));
    }
}
