//! Knowing which work is playing. Samples and frames flow in; out come a work's [`Descriptor`] (its comparable
//! signature, kept off chain), its [`FpId`] (a 256-bit sketch of the descriptor, kept on chain), and, for an excerpt,
//! a [`Query`] that finds the work among many: its [`Probe`]s hit the [`Anchor`]s of the right work at one offset, and
//! [`verify`] decides. Publishers, the hub's index and listeners' programs call it, in browsers as WebAssembly; it does
//! no I/O without the feature `decode`.

mod anchor;
pub mod audio;
pub mod bucket;
mod codec;
#[cfg(feature = "decode")]
mod decode;
mod descriptor;
mod error;
mod fp_id;
mod query;
pub mod video;

pub use anchor::{Alignment, Anchor, Match, OFFSET_TOLERANCE, Probe, offset};
pub use audio::AudioStream;
pub use codec::DecodeError;
#[cfg(feature = "decode")]
pub use decode::{Sink, decode_audio, decode_audio_stereo};
pub use descriptor::{AudioDescriptor, Descriptor, FrameHash, ImageDescriptor, MAX_DURATION_MS, Peak, VideoDescriptor};
pub use error::FingerprintError;
pub use fp_id::{FpId, FpIdError, compare};
pub use query::{AudioQuery, ImageQuery, MAX_EXCERPT_MS, Query, VideoQuery, verify};
pub use video::VideoStream;
#[cfg(feature = "decode")]
pub use video::{FileError, decode_image, decode_video};

/// What a work is to the senses; each kind has features of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Moving pictures, with their sound if they have any.
    Video,
    /// One picture.
    Image,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Video, Self::Image];

    /// The kind's number in encodings and in the top two bits of an anchor's key.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Audio => 0,
            Self::Video => 1,
            Self::Image => 2,
        }
    }

    /// The kind of a number, if it has one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Audio),
            1 => Some(Self::Video),
            2 => Some(Self::Image),
            _ => None,
        }
    }
}
