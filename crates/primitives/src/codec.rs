//! Batch data: RLP, compressed with zstd behind a version byte. `docs/PROTOCOL.md` §Batches.
//!
//! Decoding runs in the guest and on hostile L1 data: it is bounded in memory before anything is allocated.

use alloc::vec::Vec;

use alloy_rlp::Decodable;
use ruzstd::decoding::FrameDecoder;

use crate::batch::{BatchBlock, MAX_BLOCKS};

/// First byte of batch data.
pub const VERSION: u8 = 1;

/// Most bytes of a decompressed batch.
pub const MAX_PAYLOAD: usize = 8 << 20;

/// Largest zstd window that a decoder accepts; encoders stay at or below it.
const MAX_WINDOW: u64 = 8 << 20;

/// Batch data that is not a batch.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// No bytes at all.
    #[error("batch data is empty")]
    Empty,
    /// A version that this program doesn't know.
    #[error("batch data has version {0}, this program reads version {VERSION}: update it")]
    UnknownVersion(u8),
    /// Not a zstd frame, or one cut short.
    #[error("batch data does not decompress")]
    Compression,
    /// More than [`MAX_PAYLOAD`] bytes.
    #[error("batch decompresses to more than {MAX_PAYLOAD} bytes")]
    TooLarge,
    /// Bytes after the zstd frame.
    #[error("batch data has {0} bytes after its end")]
    TrailingBytes(usize),
    /// The payload is not the RLP of a list of blocks.
    #[error("batch payload is not a list of blocks: {0}")]
    Rlp(alloy_rlp::Error),
    /// No block, or more than [`MAX_BLOCKS`].
    #[error("batch has {0} blocks, allowed are 1 to {MAX_BLOCKS}")]
    BlockCount(usize),
}

/// Compresses blocks into batch data.
///
/// # Errors
/// [`CodecError::BlockCount`] or [`CodecError::TooLarge`] if the blocks don't fit one batch.
#[cfg(feature = "std")]
pub fn encode(blocks: &[BatchBlock]) -> Result<Vec<u8>, CodecError> {
    use std::io::Write;

    /// Slow enough to compress well, fast enough for the poster: the ratio gains little above it.
    const LEVEL: i32 = 12;

    check_count(blocks.len())?;
    let mut payload = Vec::new();
    alloy_rlp::encode_list(blocks, &mut payload);
    if payload.len() > MAX_PAYLOAD {
        return Err(CodecError::TooLarge);
    }
    let compress = || -> std::io::Result<Vec<u8>> {
        let mut encoder = zstd::Encoder::new(Vec::from([VERSION]), LEVEL)?;
        encoder.include_contentsize(true)?;
        encoder.set_pledged_src_size(Some(payload.len() as u64))?;
        encoder.window_log(MAX_WINDOW.ilog2())?;
        encoder.write_all(&payload)?;
        encoder.finish()
    };
    compress().map_err(|_| CodecError::Compression)
}

/// Decompresses batch data.
///
/// # Errors
/// [`CodecError`]; any input is allowed.
pub fn decode(data: &[u8]) -> Result<Vec<BatchBlock>, CodecError> {
    let payload = decompress(data)?;
    let mut rest = payload.as_slice();
    let blocks = Vec::<BatchBlock>::decode(&mut rest).map_err(CodecError::Rlp)?;
    if !rest.is_empty() {
        return Err(CodecError::TrailingBytes(rest.len()));
    }
    check_count(blocks.len())?;
    Ok(blocks)
}

fn check_count(count: usize) -> Result<(), CodecError> {
    if count == 0 || count > MAX_BLOCKS {
        return Err(CodecError::BlockCount(count));
    }
    Ok(())
}

fn decompress(data: &[u8]) -> Result<Vec<u8>, CodecError> {
    let (version, mut frame) = data.split_first().ok_or(CodecError::Empty)?;
    if *version != VERSION {
        return Err(CodecError::UnknownVersion(*version));
    }
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW);
    decoder.init(&mut frame).map_err(|_| CodecError::Compression)?;
    let size = usize::try_from(decoder.content_size()).map_err(|_| CodecError::TooLarge)?;
    if size > MAX_PAYLOAD {
        return Err(CodecError::TooLarge);
    }
    let mut payload = alloc::vec![0u8; size];
    let mut written = 0;
    loop {
        let (read, wrote) = decoder
            .decode_from_to(frame, &mut payload[written..])
            .map_err(|_| CodecError::Compression)?;
        frame = &frame[read..];
        written += wrote;
        if decoder.is_finished() && decoder.can_collect() == 0 {
            break;
        }
        if read == 0 && wrote == 0 {
            return Err(if written == size {
                CodecError::TooLarge
            } else {
                CodecError::Compression
            });
        }
    }
    if written != size {
        return Err(CodecError::Compression);
    }
    if !frame.is_empty() {
        return Err(CodecError::TrailingBytes(frame.len()));
    }
    Ok(payload)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloy_primitives::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn block() -> impl Strategy<Value = BatchBlock> {
        (
            any::<u64>(),
            0u64..9,
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        )
            .prop_map(|(timestamp, message_count, transactions)| BatchBlock {
                timestamp,
                message_count,
                transactions: transactions.into_iter().map(Bytes::from).collect(),
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn batches_survive_the_codec(blocks in prop::collection::vec(block(), 1..8)) {
            prop_assert_eq!(decode(&encode(&blocks).unwrap()).unwrap(), blocks);
        }

        #[test]
        fn hostile_data_is_an_error_not_a_panic(mut data in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&data);
            if let Some(first) = data.first_mut() {
                *first = VERSION;
                let _ = decode(&data);
            }
        }

        #[test]
        fn a_damaged_batch_never_panics(blocks in prop::collection::vec(block(), 1..4), at in any::<usize>(), to in any::<u8>()) {
            let mut data = encode(&blocks).unwrap();
            let at = at % data.len();
            data[at] = to;
            let _ = decode(&data);
            data.truncate(at);
            prop_assert!(decode(&data).is_err());
        }
    }

    #[test]
    fn large_batches_survive_the_codec() {
        let transaction = |seed: u16| -> Bytes {
            (0..120u16)
                .flat_map(|i| (i.wrapping_mul(seed)).to_be_bytes())
                .collect::<Vec<_>>()
                .into()
        };
        let blocks: Vec<_> = (0..30)
            .map(|i| BatchBlock {
                timestamp: i,
                message_count: 0,
                transactions: (0..1000).map(transaction).collect(),
            })
            .collect();
        assert_eq!(decode(&encode(&blocks).unwrap()).unwrap(), blocks);
    }

    #[test]
    fn a_decompression_bomb_is_refused_before_it_is_allocated() {
        let bomb = zstd::encode_all(std::io::repeat(0).take(64 << 20), 3).unwrap();
        let mut data = Vec::from([VERSION]);
        data.extend(bomb);
        assert!(decode(&data).is_err());
    }

    #[test]
    fn bytes_after_the_frame_are_refused() {
        let mut data = encode(&[BatchBlock::default()]).unwrap();
        data.push(0);
        assert_eq!(decode(&data), Err(CodecError::TrailingBytes(1)));
    }

    #[test]
    fn an_empty_batch_is_refused() {
        assert_eq!(encode(&[]), Err(CodecError::BlockCount(0)));
    }

    use std::io::Read as _;
}
