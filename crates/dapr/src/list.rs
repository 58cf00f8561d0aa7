//! The payout list as it is published: `CWEPayouts.publishPayouts` takes it in chunks and keeps the hash of their chain.
//!
//! A chunk is entries of 43 bytes, `work without its first byte (31) ‖ amount big-endian (12)`, by rising work; all chunks
//! but the last are full. `hash₀ = keccak256(0 ‖ keccak256(chunk₀))`, `hashᵢ = keccak256(hashᵢ₋₁ ‖ keccak256(chunkᵢ))`;
//! an empty list has no chunks and the hash 0.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = WORK_BYTES + AMOUNT_BYTES;
/// Entries of a full chunk.
pub const CHUNK_ENTRIES: usize = 2048;
/// Largest amount of a work, CLN wei.
pub const MAX_AMOUNT: u128 = (1 << (8 * AMOUNT_BYTES)) - 1;

/// A work id without its first byte, which is zero.
const WORK_BYTES: usize = 31;
const AMOUNT_BYTES: usize = 12;

/// What a work gets in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Payout {
    /// The work; the first byte of its id is 0.
    pub work: B256,
    /// CLN wei, 1 … [`MAX_AMOUNT`].
    pub amount: u128,
}

/// Why bytes are no published list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A chunk that is not 1 … 2048 entries.
    #[error("chunk {chunk} has {bytes} bytes: it must be 1 to {CHUNK_ENTRIES} entries of {ENTRY_BYTES} bytes")]
    ChunkSize {
        /// Number of the chunk, from 0.
        chunk: usize,
        /// Its length.
        bytes: usize,
    },
    /// A chunk that is not full is not the last.
    #[error("chunk {chunk} has {entries} entries and is not the last: it must have {CHUNK_ENTRIES}")]
    ChunkNotFull {
        /// Number of the chunk, from 0.
        chunk: usize,
        /// Its entries.
        entries: usize,
    },
    /// Works don't rise.
    #[error("work {work} follows {previous}: a payout list has works in rising order, each once")]
    Unsorted {
        /// The work before.
        previous: B256,
        /// The work that is not greater.
        work: B256,
    },
    /// Zero is no work.
    #[error("the payout list has an entry for the work 0")]
    WorkZero,
    /// A work that gets nothing.
    #[error("work {work} is listed with the amount 0")]
    AmountZero {
        /// The work.
        work: B256,
    },
}

/// The chunks to publish, in order. Amounts above [`MAX_AMOUNT`], which [`settle`](crate::settle) refuses, are cut to it.
pub fn chunks(payouts: &[Payout]) -> impl Iterator<Item = Vec<u8>> {
    payouts.chunks(CHUNK_ENTRIES).map(|entries| {
        let mut chunk = Vec::with_capacity(entries.len() * ENTRY_BYTES);
        for entry in entries {
            chunk.extend_from_slice(&entry.work.as_slice()[B256::len_bytes() - WORK_BYTES..]);
            let amount = entry.amount.min(MAX_AMOUNT).to_be_bytes();
            chunk.extend_from_slice(&amount[amount.len() - AMOUNT_BYTES..]);
        }
        chunk
    })
}

/// Hash of a chain after one more chunk; `before` is zero for the first.
pub fn append_to_chain(before: B256, chunk: &[u8]) -> B256 {
    let mut link = [0; 64];
    link[..32].copy_from_slice(before.as_slice());
    link[32..].copy_from_slice(keccak256(chunk).as_slice());
    keccak256(link)
}

/// `payoutsHash` of a list by rising work.
pub fn payouts_hash(payouts: &[Payout]) -> B256 {
    chunks(payouts).fold(B256::ZERO, |before, chunk| append_to_chain(before, &chunk))
}

/// Reads a published list from its chunks.
///
/// # Errors
/// [`ListError`]; any bytes are allowed.
pub fn decode_list<C: AsRef<[u8]>>(chunks: &[C]) -> Result<Vec<Payout>, ListError> {
    let mut payouts = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let (entries, rest) = chunk.as_ref().as_chunks::<ENTRY_BYTES>();
        if entries.is_empty() || entries.len() > CHUNK_ENTRIES || !rest.is_empty() {
            return Err(ListError::ChunkSize {
                chunk: number,
                bytes: chunk.as_ref().len(),
            });
        }
        if entries.len() < CHUNK_ENTRIES && number + 1 < chunks.len() {
            return Err(ListError::ChunkNotFull {
                chunk: number,
                entries: entries.len(),
            });
        }
        for entry in entries {
            let payout = decode_entry(entry);
            check_next(payouts.last(), &payout)?;
            payouts.push(payout);
        }
    }
    Ok(payouts)
}

fn decode_entry(entry: &[u8; ENTRY_BYTES]) -> Payout {
    let (work, amount) = entry.split_at(WORK_BYTES);
    let amount = amount.iter().fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
    Payout {
        work: B256::left_padding_from(work),
        amount,
    }
}

fn check_next(previous: Option<&Payout>, payout: &Payout) -> Result<(), ListError> {
    let work = payout.work;
    if work.is_zero() {
        return Err(ListError::WorkZero);
    }
    if payout.amount == 0 {
        return Err(ListError::AmountZero { work });
    }
    match previous.filter(|previous| previous.work >= work) {
        Some(previous) => Err(ListError::Unsorted {
            previous: previous.work,
            work,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use alloy_sol_types::SolValue;
    use proptest::prelude::*;

    use super::*;

    fn list(count: u64) -> Vec<Payout> {
        let payout = |number: u64| Payout {
            work: U256::from(number * 1_000_003).into(),
            amount: MAX_AMOUNT - u128::from(number),
        };
        (1..=count).map(payout).collect()
    }

    #[test]
    fn an_entry_is_31_bytes_of_work_and_12_of_amount() {
        let payout = Payout {
            work: B256::left_padding_from(&[0x11; 31]),
            amount: 0x0102,
        };
        let chunk: Vec<_> = chunks(&[payout]).flatten().collect();
        assert_eq!(chunk.len(), 43);
        assert_eq!(chunk[..31], [0x11; 31]);
        assert_eq!(chunk[31..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn the_chain_is_the_contracts() {
        let list = list(2 * CHUNK_ENTRIES as u64 + 1);
        let parts: Vec<_> = chunks(&list).collect();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [88_064, 88_064, 43]);
        let link = |before: B256, chunk: &Vec<u8>| keccak256((before, keccak256(chunk)).abi_encode());
        let hash = parts.iter().fold(B256::ZERO, link);
        assert_eq!(payouts_hash(&list), hash);
        assert_eq!(payouts_hash(&[]), B256::ZERO);
        assert_eq!(decode_list(&parts), Ok(list));
        assert_eq!(decode_list::<Vec<u8>>(&[]), Ok(Vec::new()));
    }

    #[test]
    fn chunks_of_other_sizes_are_refused() {
        let list = list(CHUNK_ENTRIES as u64 + 1);
        let mut parts: Vec<_> = chunks(&list).collect();
        parts.swap(0, 1);
        assert_eq!(
            decode_list(&parts),
            Err(ListError::ChunkNotFull { chunk: 0, entries: 1 })
        );
        for bytes in [0, 42, 44, ENTRY_BYTES * (CHUNK_ENTRIES + 1)] {
            let chunk = alloc::vec![1; bytes];
            assert_eq!(decode_list(&[chunk]), Err(ListError::ChunkSize { chunk: 0, bytes }));
        }
    }

    #[test]
    fn works_rise_and_every_one_gets_something() {
        let decode = |list: &[Payout]| decode_list(&chunks(list).collect::<Vec<_>>());
        let [first, second] = list(2).try_into().unwrap();
        let unsorted = ListError::Unsorted {
            previous: second.work,
            work: first.work,
        };
        assert_eq!(decode(&[second, first]), Err(unsorted));
        assert!(matches!(decode(&[first, first]), Err(ListError::Unsorted { .. })));
        let nothing = Payout { amount: 0, ..second };
        assert_eq!(
            decode(&[first, nothing]),
            Err(ListError::AmountZero { work: second.work })
        );
        let nowhere = Payout {
            work: B256::ZERO,
            ..first
        };
        assert_eq!(decode(&[nowhere]), Err(ListError::WorkZero));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_an_error(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4)) {
            if let Ok(list) = decode_list(&parts) {
                prop_assert_eq!(chunks(&list).flatten().collect::<Vec<_>>(), parts.concat());
            }
        }
    }
}
