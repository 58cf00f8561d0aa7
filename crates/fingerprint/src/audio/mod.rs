//! Sound: peaks of the spectrogram for excerpts, Chromaprint's items for whole tracks.

mod choice;
#[cfg(test)]
mod conformance;
mod landmarks;
mod resample;
mod sketch;
mod stream;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers of tests")]
pub(crate) mod testing;
mod variants;
mod verify;

pub(crate) use landmarks::{anchors, likely_anchors, probes};
pub(crate) use sketch::fp_id;
pub use stream::AudioStream;
pub use variants::{VARIANTS, Variant};
pub(crate) use verify::{slice, verify};

/// Sound is reduced to one channel of this many samples a second.
pub const SAMPLE_RATE: u32 = 11_025;
/// What [`Peak::pitch_cents`](crate::Peak::pitch_cents) counts from, in hertz.
pub const LOWEST_HZ: f32 = 110.0;
/// The length of one chroma item, in microseconds.
pub const CHROMA_ITEM_MICROS: u32 = 123_810;
/// The lowest and the highest sample rate that is taken.
pub const MIN_RATE_HZ: u32 = 8_000;
/// See [`MIN_RATE_HZ`].
pub const MAX_RATE_HZ: u32 = 192_000;
/// The most channels that are taken.
pub const MAX_CHANNELS: u16 = 32;
/// The shortest sound that has a fingerprint.
pub const MIN_EXCERPT_MS: u32 = 3_000;
/// From this length on an excerpt is found nearly always.
pub const READY_MS: u32 = 5_000;
/// The most peaks that a descriptor has, a second.
pub const MAX_PEAKS_PER_SECOND: usize = 16;
/// The most peaks that a query has, a second.
pub const MAX_QUERY_PEAKS_PER_SECOND: usize = 48;

mod peaks;
mod spectrum;

/// The nearest whole number, within its type's range; 0 for what is no number.
#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn nearest_u32(value: f64) -> u32 {
    libm::round(value) as u32
}

/// As [`nearest_u32`], signed.
#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn nearest_i32(value: f64) -> i32 {
    libm::round(value) as i32
}

/// As [`nearest_i32`], of more bits.
#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn nearest_i64(value: f64) -> i64 {
    libm::round(value) as i64
}
