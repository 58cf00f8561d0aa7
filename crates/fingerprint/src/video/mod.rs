//! Pictures and moving pictures: perceptual hashes of frames, few per second for a work and more for an excerpt, found
//! again by groups of their bits and confirmed by how frames follow each other in time.

mod bands;
#[cfg(feature = "decode")]
mod decode;
mod picture;
mod sketch;
mod stream;
mod verify;

#[cfg(feature = "decode")]
pub(crate) use decode::Ffmpeg;
#[cfg(feature = "decode")]
pub use decode::{FileError, decode_image, decode_video};
pub use picture::{MAX_SIDE, image_hash};
pub use stream::{QUERY_STEP_MS, VideoStream};

pub(crate) use bands::{IMAGE_VARIANTS, anchors, image_anchors, image_probes, probes, variants};
pub(crate) use sketch::fp_id;
pub(crate) use verify::{slice, verify, verify_image};

/// A perceptual hash of 256 bits, the lowest frequencies first.
type Hash = [u8; 32];

fn distance(a: &Hash, b: &Hash) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// The hash of the picture as a mirror shows it: frequencies that are odd from side to side change their sign.
fn mirrored(hash: &Hash) -> Hash {
    let mut mirrored = *hash;
    for (byte, mask) in mirrored.iter_mut().zip(&picture::ODD_COLUMNS) {
        *byte ^= mask;
    }
    mirrored
}
