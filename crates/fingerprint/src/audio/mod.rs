//! Sound: peaks of the spectrogram for excerpts, Chromaprint's items for whole tracks.

mod landmarks;
mod sketch;
mod variants;
mod verify;

pub(crate) use landmarks::{anchors, probes};
pub(crate) use sketch::fp_id;
pub use variants::{VARIANTS, Variant};
pub(crate) use verify::{slice, verify};

/// Sound is reduced to one channel of this many samples a second.
pub const SAMPLE_RATE: u32 = 11_025;
/// What [`Peak::pitch_cents`](crate::Peak::pitch_cents) counts from, in hertz.
pub const LOWEST_HZ: f32 = 110.0;
/// The length of one chroma item, in microseconds.
pub const CHROMA_ITEM_MICROS: u32 = 123_810;
/// The most peaks that a descriptor has, a second.
pub const MAX_PEAKS_PER_SECOND: usize = 16;
/// The most peaks that a query has, a second.
pub const MAX_QUERY_PEAKS_PER_SECOND: usize = 48;
