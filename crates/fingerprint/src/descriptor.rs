use sha2::{Digest, Sha256};

use crate::{
    Anchor, DecodeError, FpId, Kind, audio,
    codec::{Reader, Writer},
    video,
};

/// The longest work, in milliseconds: twelve hours.
pub const MAX_DURATION_MS: u32 = 12 * 3_600_000;
/// The most items of one list: what the longest work can have.
const MAX_PEAKS: usize = MAX_DURATION_MS as usize / 1_000 * audio::MAX_PEAKS_PER_SECOND;
const MAX_CHROMA: usize = MAX_DURATION_MS as usize / 100;
const MAX_FRAMES: usize = 100_000;
const MAX_PITCH_CENTS: u32 = 12_000;

const MAGIC: [u8; 2] = *b"cd";
const VERSION: u8 = 1;

/// The comparable signature of a work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// Of a sound.
    Audio(AudioDescriptor),
    /// Of moving pictures.
    Video(VideoDescriptor),
    /// Of a picture.
    Image(ImageDescriptor),
}

/// A point of the spectrogram that stands out: where a tone is loudest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peak {
    /// Milliseconds from the start.
    pub at_ms: u32,
    /// Hundredths of a semitone above [`audio::LOWEST_HZ`].
    pub pitch_cents: u16,
}

/// What a sound is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioDescriptor {
    /// How long the work is.
    pub duration_ms: u32,
    /// The strongest peaks of each moment, ascending and without repeats.
    pub peaks: Vec<Peak>,
    /// Chromaprint's items, one each [`audio::CHROMA_ITEM_MICROS`]; none in a slice.
    pub chroma: Vec<u32>,
}

/// A frame of moving pictures and its perceptual hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameHash {
    /// Milliseconds from the start.
    pub at_ms: u32,
    /// As [`ImageDescriptor::hash`].
    pub hash: [u8; 32],
}

/// What moving pictures are known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoDescriptor {
    /// How long the work is.
    pub duration_ms: u32,
    /// Frames of its scenes, strictly ascending in time.
    pub frames: Vec<FrameHash>,
    /// Its sound.
    pub audio: Option<AudioDescriptor>,
}

/// What a picture is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageDescriptor {
    /// A perceptual hash: alike pictures differ in few bits.
    pub hash: [u8; 32],
}

impl Descriptor {
    /// What the work is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Audio(_) => Kind::Audio,
            Self::Video(_) => Kind::Video,
            Self::Image(_) => Kind::Image,
        }
    }

    /// How long the work is; a picture has no length.
    #[must_use]
    pub const fn duration_ms(&self) -> u32 {
        match self {
            Self::Audio(audio) => audio.duration_ms,
            Self::Video(video) => video.duration_ms,
            Self::Image(_) => 0,
        }
    }

    /// The canonical bytes: equal descriptors have equal bytes. `docs/FINGERPRINTS.md` has the format.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.byte(self.kind().number());
        match self {
            Self::Audio(audio) => write_audio(&mut writer, audio),
            Self::Video(video) => write_video(&mut writer, video),
            Self::Image(image) => writer.bytes(&image.hash),
        }
        writer.finish()
    }

    /// The descriptor of canonical bytes.
    ///
    /// # Errors
    /// The bytes are cut, of another version, beyond a limit, or not what [`encode`](Self::encode) writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "descriptor")?;
        let kind = reader.byte("the kind")?;
        let descriptor = match Kind::from_number(kind).ok_or(DecodeError::Kind(kind))? {
            Kind::Audio => Self::Audio(read_audio(&mut reader)?),
            Kind::Video => Self::Video(read_video(&mut reader)?),
            Kind::Image => Self::Image(ImageDescriptor {
                hash: reader.array("the hash")?,
            }),
        };
        reader.end()?;
        Ok(descriptor)
    }

    /// SHA-256 of [`encode`](Self::encode): what the chain keeps beside the [`FpId`].
    #[must_use]
    pub fn fp_hash(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    /// The sketch: alike works have sketches that differ in few bits.
    #[must_use]
    pub fn fp_id(&self) -> FpId {
        match self {
            Self::Audio(audio) => audio::fp_id(audio),
            Self::Video(video) => video::fp_id(video),
            Self::Image(image) => FpId(image.hash),
        }
    }

    /// What the index keeps of the work: ascending, without repeats. A video has those of its sound, too.
    #[must_use]
    pub fn anchors(&self) -> Vec<Anchor> {
        let mut anchors = match self {
            Self::Audio(audio) => audio::anchors(audio),
            Self::Video(video) => video::anchors(video),
            Self::Image(image) => video::image_anchors(image),
        };
        anchors.sort_unstable();
        anchors.dedup();
        anchors
    }

    /// The part around a moment that suffices to verify an excerpt of a few seconds. Times stay those of the work.
    #[must_use]
    pub fn slice(&self, around_at: u32) -> Self {
        match self {
            Self::Audio(audio) => Self::Audio(audio::slice(audio, around_at)),
            Self::Video(video) => Self::Video(video::slice(video, around_at)),
            Self::Image(image) => Self::Image(*image),
        }
    }
}

pub(crate) fn write_audio(writer: &mut Writer, audio: &AudioDescriptor) {
    writer.number(u64::from(audio.duration_ms));
    write_peaks(writer, &audio.peaks);
    write_chroma(writer, &audio.chroma);
}

pub(crate) fn read_audio(reader: &mut Reader<'_>) -> Result<AudioDescriptor, DecodeError> {
    Ok(AudioDescriptor {
        duration_ms: reader.number32(MAX_DURATION_MS, "the duration")?,
        peaks: read_peaks(reader, MAX_PEAKS)?,
        chroma: read_chroma(reader, MAX_CHROMA)?,
    })
}

fn write_video(writer: &mut Writer, video: &VideoDescriptor) {
    writer.number(u64::from(video.duration_ms));
    write_frames(writer, &video.frames);
    writer.byte(u8::from(video.audio.is_some()));
    if let Some(audio) = &video.audio {
        write_audio(writer, audio);
    }
}

fn read_video(reader: &mut Reader<'_>) -> Result<VideoDescriptor, DecodeError> {
    Ok(VideoDescriptor {
        duration_ms: reader.number32(MAX_DURATION_MS, "the duration")?,
        frames: read_frames(reader, MAX_FRAMES)?,
        audio: read_flag(reader, "the mark of sound")?
            .then(|| read_audio(reader))
            .transpose()?,
    })
}

/// A byte that is 0 or 1.
pub(crate) fn read_flag(reader: &mut Reader<'_>, what: &'static str) -> Result<bool, DecodeError> {
    match reader.byte(what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::NotCanonical { what }),
    }
}

/// Times as differences, pitches as they are; what the writer is given out of order it puts in order.
pub(crate) fn write_peaks(writer: &mut Writer, peaks: &[Peak]) {
    let mut sorted = peaks.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    writer.length(sorted.len());
    let mut last_ms = 0;
    for peak in &sorted {
        writer.number(u64::from(peak.at_ms - last_ms));
        writer.number(u64::from(peak.pitch_cents));
        last_ms = peak.at_ms;
    }
}

pub(crate) fn read_peaks(reader: &mut Reader<'_>, max: usize) -> Result<Vec<Peak>, DecodeError> {
    const WHAT: &str = "the list of peaks";
    let count = reader.length(max, 2, WHAT)?;
    let mut peaks = Vec::<Peak>::with_capacity(count);
    let mut at_ms = 0;
    for _ in 0..count {
        at_ms += reader.number32(MAX_DURATION_MS - at_ms, "a peak's time")?;
        let pitch_cents = reader.number32(MAX_PITCH_CENTS, "a peak's pitch")?;
        let pitch_cents = u16::try_from(pitch_cents).map_err(|_| DecodeError::NotCanonical { what: WHAT })?;
        let peak = Peak { at_ms, pitch_cents };
        if peaks.last().is_some_and(|last| *last >= peak) {
            return Err(DecodeError::NotCanonical { what: WHAT });
        }
        peaks.push(peak);
    }
    Ok(peaks)
}

pub(crate) fn write_chroma(writer: &mut Writer, chroma: &[u32]) {
    writer.length(chroma.len());
    for item in chroma {
        writer.bytes(&item.to_le_bytes());
    }
}

pub(crate) fn read_chroma(reader: &mut Reader<'_>, max: usize) -> Result<Vec<u32>, DecodeError> {
    const WHAT: &str = "the chroma items";
    let count = reader.length(max, 4, WHAT)?;
    (0..count).map(|_| reader.array(WHAT).map(u32::from_le_bytes)).collect()
}

/// Times as differences; of frames at one moment the first counts.
pub(crate) fn write_frames(writer: &mut Writer, frames: &[FrameHash]) {
    let mut sorted = frames.to_vec();
    sorted.sort_unstable();
    sorted.dedup_by_key(|frame| frame.at_ms);
    writer.length(sorted.len());
    let mut last_ms = 0;
    for frame in &sorted {
        writer.number(u64::from(frame.at_ms - last_ms));
        writer.bytes(&frame.hash);
        last_ms = frame.at_ms;
    }
}

pub(crate) fn read_frames(reader: &mut Reader<'_>, max: usize) -> Result<Vec<FrameHash>, DecodeError> {
    const WHAT: &str = "the list of frames";
    let count = reader.length(max, 33, WHAT)?;
    let mut frames = Vec::with_capacity(count);
    let mut at_ms = 0;
    for index in 0..count {
        let step_ms = reader.number32(MAX_DURATION_MS - at_ms, "a frame's time")?;
        if step_ms == 0 && index > 0 {
            return Err(DecodeError::NotCanonical { what: WHAT });
        }
        at_ms += step_ms;
        frames.push(FrameHash {
            at_ms,
            hash: reader.array(WHAT)?,
        });
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn peak() -> impl Strategy<Value = Peak> {
        (0..MAX_DURATION_MS, 0..9_000_u16).prop_map(|(at_ms, pitch_cents)| Peak { at_ms, pitch_cents })
    }

    fn audio() -> impl Strategy<Value = AudioDescriptor> {
        (0..=MAX_DURATION_MS, vec(peak(), 0..40), vec(any::<u32>(), 0..40)).prop_map(
            |(duration_ms, mut peaks, chroma)| {
                peaks.sort_unstable();
                peaks.dedup();
                AudioDescriptor {
                    duration_ms,
                    peaks,
                    chroma,
                }
            },
        )
    }

    fn frames() -> impl Strategy<Value = Vec<FrameHash>> {
        vec((0..MAX_DURATION_MS, any::<[u8; 32]>()), 0..20).prop_map(|frames| {
            let mut frames: Vec<_> = frames
                .into_iter()
                .map(|(at_ms, hash)| FrameHash { at_ms, hash })
                .collect();
            frames.sort_unstable();
            frames.dedup_by_key(|frame| frame.at_ms);
            frames
        })
    }

    fn descriptor() -> impl Strategy<Value = Descriptor> {
        prop_oneof![
            audio().prop_map(Descriptor::Audio),
            (0..=MAX_DURATION_MS, frames(), proptest::option::of(audio())).prop_map(|(duration_ms, frames, audio)| {
                Descriptor::Video(VideoDescriptor {
                    duration_ms,
                    frames,
                    audio,
                })
            }),
            any::<[u8; 32]>().prop_map(|hash| Descriptor::Image(ImageDescriptor { hash })),
        ]
    }

    proptest! {
        #[test]
        fn a_descriptor_survives_its_encoding(descriptor in descriptor()) {
            prop_assert_eq!(Descriptor::decode(&descriptor.encode()).unwrap(), descriptor);
        }

        #[test]
        fn only_canonical_bytes_are_a_descriptor(descriptor in descriptor(), place in any::<prop::sample::Index>(), bits in 1..=255_u8) {
            let mut bytes = descriptor.encode();
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(other) = Descriptor::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }

        #[test]
        fn a_cut_descriptor_is_refused(descriptor in descriptor(), place in any::<prop::sample::Index>()) {
            let bytes = descriptor.encode();
            prop_assert!(Descriptor::decode(&bytes[..place.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn a_length_beyond_the_input_allocates_nothing() {
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.byte(0);
        writer.number(1_000);
        writer.length(MAX_PEAKS);
        let expected = DecodeError::Truncated {
            what: "the list of peaks",
        };
        assert_eq!(Descriptor::decode(&writer.finish()), Err(expected));
    }

    #[test]
    fn other_versions_and_bytes_after_the_end_are_refused() {
        let mut bytes = Descriptor::Audio(AudioDescriptor::default()).encode();
        bytes.push(0);
        assert_eq!(Descriptor::decode(&bytes), Err(DecodeError::Trailing { count: 1 }));
        bytes.pop();
        bytes[2] = 9;
        assert_eq!(
            Descriptor::decode(&bytes),
            Err(DecodeError::Version {
                found: 9,
                known: VERSION
            })
        );
    }
}
