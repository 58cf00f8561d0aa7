//! Which sealed blocks make the next batch. The same blocks and the same configuration give the same batch.

use alloy::{
    consensus::BlockHeader,
    eips::eip4844::{AsCkzg, Blob, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
    primitives::{B256, Bytes, U256, keccak256},
};
use cwe_primitives::{
    BatchBlock, BatchCommitment, DataLocation,
    blob::{self, BlobError},
    codec::{self, CodecError},
    predeploys::MESSAGE_PASSER,
};
use cwe_storage::{Database, Snapshot, StorageError};

use crate::BatchingConfig;

/// A batch ready to be recorded, then posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltBatch {
    /// What `Rollup` binds.
    pub commitment: BatchCommitment,
    /// Batch data (`docs/PROTOCOL.md` §Batches), not yet packed into blobs.
    pub data: Bytes,
    /// Blobs of 131 072 bytes, none for calldata. Their versioned hashes are in the commitment.
    pub blobs: Vec<Bytes>,
}

/// Why no batch can be built.
#[derive(Debug, thiserror::Error)]
pub enum BatchingError {
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The blocks can't be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The data can't be packed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A blob has no KZG commitment.
    #[error("KZG commitment of a blob failed: {0}")]
    Kzg(String),
    /// One block alone exceeds a batch.
    #[error("block {number} alone makes {bytes} bytes of batch data, the limit is {limit}: lower `max_block_bytes`")]
    BlockTooLarge {
        /// The block.
        number: u64,
        /// Bytes of its batch data.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Something that the database should hold about a block is missing.
    #[error("block {0} is missing from the database")]
    MissingBlock(u64),
}

/// The batch after `last`, if one is due at `now_secs` (seconds since 1970): it is full, or its oldest block is old
/// enough. `last` is the genesis commitment for the first batch.
///
/// # Errors
/// [`BatchingError`].
pub fn next_batch(
    db: &Database,
    last: &BatchCommitment,
    config: &BatchingConfig,
    now_secs: u64,
) -> Result<Option<BuiltBatch>, BatchingError> {
    let view = db.latest()?;
    let first_block = last.last_block.saturating_add(1);
    let blocks = read_blocks(&view, first_block, config)?;
    let Some(oldest) = blocks.first() else { return Ok(None) };
    let aged = now_secs.saturating_sub(oldest.timestamp) >= config.max_age_secs;
    let limit = config.max_data_bytes();
    let could_be_full = blocks.len() == config.block_limit() || payload_bytes(&blocks) > limit;
    if !aged && !could_be_full {
        return Ok(None);
    }
    let (count, data) = choose(&blocks, limit).map_err(|error| match error {
        ChooseError::Codec(error) => BatchingError::Codec(error),
        ChooseError::TooLarge { bytes } => BatchingError::BlockTooLarge {
            number: first_block,
            bytes,
            limit,
        },
    })?;
    let full = count < blocks.len() || count == config.block_limit();
    if !aged && !full {
        return Ok(None);
    }
    build(db, &view, last, count as u64, data, config.blobs).map(Some)
}

/// Packs batch data into blobs and computes their versioned hashes, for posting again a batch read from the database.
///
/// # Errors
/// [`BatchingError::Blob`], [`BatchingError::Kzg`].
pub fn to_blobs(data: &[u8]) -> Result<(Vec<Bytes>, Vec<B256>), BatchingError> {
    let blobs = blob::pack(data)?;
    let hashes = blobs
        .iter()
        .map(|blob| versioned_hash(blob))
        .collect::<Result<_, _>>()?;
    Ok((blobs.into_iter().map(Bytes::from).collect(), hashes))
}

/// Commitment of batch 0, the genesis: what `Rollup.initialize` stores.
///
/// # Errors
/// The database can't be read, or holds no genesis.
pub fn genesis_commitment(db: &Database) -> Result<BatchCommitment, BatchingError> {
    let header = db.latest()?.header(0)?.ok_or(BatchingError::MissingBlock(0))?;
    let withdrawal_root = withdrawal_root(&db.at(0)?)?;
    Ok(BatchCommitment::genesis(
        header.timestamp(),
        header.hash(),
        header.state_root(),
        withdrawal_root,
    ))
}

fn build(
    db: &Database,
    view: &Snapshot,
    last: &BatchCommitment,
    count: u64,
    data: Vec<u8>,
    in_blobs: bool,
) -> Result<BuiltBatch, BatchingError> {
    let (blobs, location) = if in_blobs {
        let (blobs, hashes) = to_blobs(&data)?;
        (blobs, DataLocation::Blobs(hashes))
    } else {
        (Vec::new(), DataLocation::Calldata(keccak256(&data)))
    };
    let last_block = last.last_block + count;
    let header = view
        .header(last_block)?
        .ok_or(BatchingError::MissingBlock(last_block))?;
    let queue = |block| view.queue_after(block)?.ok_or(BatchingError::MissingBlock(block));
    let commitment = BatchCommitment {
        parent_batch_hash: last.hash(),
        index: last.index + 1,
        first_block: last.last_block + 1,
        last_block,
        last_timestamp: header.timestamp(),
        parent_block_hash: last.block_hash,
        block_hash: header.hash(),
        state_root: header.state_root(),
        withdrawal_root: withdrawal_root(&db.at(last_block)?)?,
        queue_before: queue(last.last_block)?,
        queue_after: queue(last_block)?,
        data: location,
    };
    Ok(BuiltBatch {
        commitment,
        data: data.into(),
        blobs,
    })
}

fn withdrawal_root(state: &Snapshot) -> Result<B256, StorageError> {
    Ok(state.slot(MESSAGE_PASSER, U256::ZERO)?.into())
}

/// The blocks from `first` on, as many as one batch may have.
fn read_blocks(view: &Snapshot, first: u64, config: &BatchingConfig) -> Result<Vec<BatchBlock>, BatchingError> {
    let mut blocks = Vec::new();
    let mut bytes = 0;
    for number in (first..=view.number()).take(config.block_limit()) {
        let block = view.block(number)?.ok_or(BatchingError::MissingBlock(number))?;
        let block = BatchBlock::from_block(&block);
        bytes += alloy::rlp::Encodable::length(&block);
        if bytes + LIST_HEADER > codec::MAX_PAYLOAD && !blocks.is_empty() {
            break;
        }
        blocks.push(block);
    }
    Ok(blocks)
}

/// Most bytes of the header of an RLP list of less than 2³² bytes.
const LIST_HEADER: usize = 5;

fn payload_bytes(blocks: &[BatchBlock]) -> usize {
    blocks.iter().map(alloy::rlp::Encodable::length).sum()
}

#[derive(Debug, PartialEq, Eq)]
enum ChooseError {
    Codec(CodecError),
    /// The first block alone has this many bytes.
    TooLarge {
        bytes: usize,
    },
}

/// The longest run from the first block on whose data is found to fit `limit` bytes, and that data. It may be a few
/// blocks shorter than the longest possible: trying every length would compress the same bytes again and again.
fn choose(blocks: &[BatchBlock], limit: usize) -> Result<(usize, Vec<u8>), ChooseError> {
    let mut count = blocks.len();
    loop {
        let data = codec::encode(&blocks[..count]).map_err(ChooseError::Codec)?;
        if data.len() <= limit {
            return Ok((count, data));
        }
        if count == 1 {
            return Err(ChooseError::TooLarge { bytes: data.len() });
        }
        count = shrink(count, data.len(), limit);
    }
}

/// Fewer blocks, in proportion to how far the data is over the limit, with 2 % to spare.
fn shrink(count: usize, bytes: usize, limit: usize) -> usize {
    (count.saturating_mul(limit) / bytes.max(1) * 98 / 100).clamp(1, count - 1)
}

/// Loads the KZG tables in the background. They take more than a second of processor time: whoever needs them first, be
/// it the engine for a transaction that calls the point evaluation precompile, would stand still for so long.
pub(crate) fn prepare_kzg() {
    let prepare = || {
        let _tables = EnvKzgSettings::Default.get();
    };
    if let Err(error) = std::thread::Builder::new().name("kzg-tables".into()).spawn(prepare) {
        tracing::warn!(%error, "KZG tables are loaded only when they are needed");
    }
}

fn versioned_hash(blob: &[u8]) -> Result<B256, BatchingError> {
    let kzg = |error: &dyn std::fmt::Display| BatchingError::Kzg(error.to_string());
    let blob = Blob::try_from(blob).map_err(|error| kzg(&error))?;
    let settings = EnvKzgSettings::Default.get();
    let commitment = settings
        .blob_to_kzg_commitment(blob.as_ckzg())
        .map_err(|error| kzg(&error))?;
    Ok(kzg_to_versioned_hash(commitment.to_bytes().as_slice()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn incompressible(seed: u64, bytes: usize) -> Bytes {
        let words = bytes.div_ceil(32) as u64;
        let mut data: Vec<u8> = (0..words)
            .flat_map(|i| keccak256([seed.to_be_bytes(), i.to_be_bytes()].concat()).0)
            .collect();
        data.truncate(bytes);
        data.into()
    }

    fn blocks(sizes: &[usize]) -> Vec<BatchBlock> {
        sizes
            .iter()
            .zip(0u64..)
            .map(|(size, seed)| BatchBlock {
                timestamp: seed,
                message_count: 0,
                transactions: vec![incompressible(seed, *size)],
            })
            .collect()
    }

    #[test]
    fn all_blocks_are_taken_when_they_fit() {
        let blocks = blocks(&[100; 5]);
        assert_eq!(choose(&blocks, 10_000).unwrap().0, 5);
    }

    #[test]
    fn a_block_that_fits_no_batch_is_named() {
        assert!(matches!(choose(&blocks(&[5000, 10]), 1000), Err(ChooseError::TooLarge { bytes }) if bytes > 5000));
    }

    #[test]
    fn blobs_carry_the_data_and_their_hashes_are_kzg_commitments() {
        let data = incompressible(1, blob::BLOB_DATA);
        let (blobs, hashes) = to_blobs(&data).unwrap();
        assert_eq!((blobs.len(), hashes.len()), (2, 2));
        assert_eq!(blob::unpack(&blobs).unwrap(), data);
        assert!(hashes.iter().all(|hash| hash[0] == 1));
        assert_ne!(hashes[0], hashes[1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_choice_fits_and_wastes_little(sizes in prop::collection::vec(50usize..400, 1..40), limit in 500usize..4000) {
            let blocks = blocks(&sizes);
            let (count, data) = choose(&blocks, limit).unwrap();
            prop_assert!(data.len() <= limit);
            prop_assert_eq!(&codec::decode(&data).unwrap()[..], &blocks[..count]);
            if count < blocks.len() {
                prop_assert!(data.len() * 2 > limit.saturating_sub(800));
            }
        }
    }
}
