use crate::{
    Alignment, Anchor, DecodeError, Descriptor, FrameHash, ImageDescriptor, Kind, Match, Peak, Probe, VideoDescriptor,
    audio,
    codec::{Reader, Writer},
    descriptor::{read_flag, read_frames, read_peaks, write_frames, write_peaks},
    video,
};

/// The longest excerpt, in milliseconds; a longer one would only tell more of the listener.
pub const MAX_EXCERPT_MS: u32 = 60_000;
const MAX_PEAKS: usize = MAX_EXCERPT_MS as usize / 1_000 * audio::MAX_QUERY_PEAKS_PER_SECOND;
const MAX_FRAMES: usize = 2_000;

const MAGIC: [u8; 2] = *b"cq";
const VERSION: u8 = 1;

/// What an excerpt, from anywhere in a work, is looked up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// A piece of sound.
    Audio(AudioQuery),
    /// A piece of moving pictures.
    Video(VideoQuery),
    /// A picture.
    Image(ImageQuery),
}

/// What was heard. Times are from the excerpt's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioQuery {
    /// How long the excerpt is.
    pub duration_ms: u32,
    /// More of its peaks than a descriptor has, ascending and without repeats.
    pub peaks: Vec<Peak>,
    /// Those of the peaks that a descriptor of the excerpt would keep: they say which anchors the work is likely to have.
    pub strong: Vec<Peak>,
}

/// What was seen. Times are from the excerpt's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoQuery {
    /// How long the excerpt is.
    pub duration_ms: u32,
    /// More of its frames than a descriptor has, strictly ascending in time.
    pub frames: Vec<FrameHash>,
    /// What was heard meanwhile.
    pub audio: Option<AudioQuery>,
}

/// A picture that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageQuery {
    /// As [`ImageDescriptor::hash`].
    pub hash: [u8; 32],
}

impl Query {
    /// What the excerpt is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Audio(_) => Kind::Audio,
            Self::Video(_) => Kind::Video,
            Self::Image(_) => Kind::Image,
        }
    }

    /// How long the excerpt is; a picture has no length.
    #[must_use]
    pub const fn duration_ms(&self) -> u32 {
        match self {
            Self::Audio(audio) => audio.duration_ms,
            Self::Video(video) => video.duration_ms,
            Self::Image(_) => 0,
        }
    }

    /// How many variants the excerpt is tried in: speeds and pitches, the likeliest first.
    #[must_use]
    pub const fn variants(&self) -> u8 {
        match self {
            Self::Audio(_) => audio::VARIANTS,
            Self::Video(video) => video::variants(video),
            Self::Image(_) => video::IMAGE_VARIANTS,
        }
    }

    /// What to ask the index in one variant: ascending, without repeats. A caller that has an accepted match in one
    /// variant need not try the next ones.
    #[must_use]
    pub fn probes_of(&self, variant: u8) -> Vec<Probe> {
        let mut probes = self.unordered_probes(variant..=variant);
        probes.sort_unstable();
        probes.dedup();
        probes
    }

    /// What to ask the index in some variants, each named once: in any order, and perhaps with repeats. That takes less
    /// time than one after the other.
    #[must_use]
    pub fn unordered_probes(&self, variants: impl IntoIterator<Item = u8>) -> Vec<Probe> {
        let variants = variants.into_iter();
        match self {
            Self::Audio(audio) => audio::probes(audio, variants),
            Self::Video(video) => video::probes(video, variants),
            Self::Image(image) => variants
                .flat_map(|variant| video::image_probes(image, variant))
                .collect(),
        }
    }

    /// The anchors that the excerpt would have as a work, the likeliest to be among the work's own first.
    #[must_use]
    pub fn anchors(&self) -> Vec<Anchor> {
        match self {
            Self::Audio(audio) => audio::likely_anchors(audio),
            Self::Video(video) => {
                let mut anchors = video.audio.as_ref().map_or_else(Vec::new, audio::likely_anchors);
                anchors.extend(video::anchors(&VideoDescriptor {
                    duration_ms: video.duration_ms,
                    frames: video.frames.clone(),
                    audio: None,
                }));
                anchors
            }
            Self::Image(image) => video::image_anchors(&ImageDescriptor { hash: image.hash }),
        }
    }

    /// The canonical bytes.
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

    /// The query of canonical bytes.
    ///
    /// # Errors
    /// The bytes are cut, of another version, beyond a limit, or not what [`encode`](Self::encode) writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "query")?;
        let kind = reader.byte("the kind")?;
        let query = match Kind::from_number(kind).ok_or(DecodeError::Kind(kind))? {
            Kind::Audio => Self::Audio(read_audio(&mut reader)?),
            Kind::Video => Self::Video(read_video(&mut reader)?),
            Kind::Image => Self::Image(ImageQuery {
                hash: reader.array("the hash")?,
            }),
        };
        reader.end()?;
        Ok(query)
    }
}

/// Whether a query that the index aligned with a candidate is an excerpt of it. The candidate may be a
/// [slice](Descriptor::slice) around the alignment. A query and a candidate that cannot be compared do not match; a
/// query of sound can match a video's sound, and the other way round.
#[must_use]
pub fn verify(query: &Query, candidate: &Descriptor, alignment: Alignment) -> Match {
    match (query, candidate) {
        (Query::Audio(query), Descriptor::Audio(candidate)) => audio::verify(query, candidate, alignment),
        (Query::Audio(query), Descriptor::Video(candidate)) => match &candidate.audio {
            Some(sound) => audio::verify(query, sound, alignment),
            None => Match::NONE,
        },
        (Query::Video(query), Descriptor::Audio(candidate)) => match &query.audio {
            Some(sound) => audio::verify(sound, candidate, alignment),
            None => Match::NONE,
        },
        (Query::Video(query), Descriptor::Video(candidate)) => video::verify(query, candidate, alignment),
        (Query::Image(query), Descriptor::Image(candidate)) => {
            video::verify_image(&ImageDescriptor { hash: query.hash }, candidate)
        }
        _ => Match::NONE,
    }
}

fn write_audio(writer: &mut Writer, audio: &AudioQuery) {
    writer.number(u64::from(audio.duration_ms));
    write_peaks(writer, &audio.peaks);
    let mut marks = vec![0_u8; audio.peaks.len().div_ceil(8)];
    for (place, _) in audio
        .peaks
        .iter()
        .enumerate()
        .filter(|(_, peak)| audio.strong.contains(peak))
    {
        marks[place / 8] |= 1 << (place % 8);
    }
    writer.bytes(&marks);
}

fn read_audio(reader: &mut Reader<'_>) -> Result<AudioQuery, DecodeError> {
    const WHAT: &str = "the marks of strong peaks";
    let duration_ms = reader.number32(MAX_EXCERPT_MS, "the duration")?;
    let peaks = read_peaks(reader, MAX_PEAKS)?;
    let marks = reader.bytes(peaks.len().div_ceil(8), WHAT)?;
    let marked = |place: usize| marks[place / 8] >> (place % 8) & 1 == 1;
    if (peaks.len()..marks.len() * 8).any(marked) {
        return Err(DecodeError::NotCanonical { what: WHAT });
    }
    let strong = peaks.iter().enumerate().filter(|(place, _)| marked(*place));
    let strong = strong.map(|(_, peak)| *peak).collect();
    Ok(AudioQuery {
        duration_ms,
        peaks,
        strong,
    })
}

fn write_video(writer: &mut Writer, video: &VideoQuery) {
    writer.number(u64::from(video.duration_ms));
    write_frames(writer, &video.frames);
    writer.byte(u8::from(video.audio.is_some()));
    if let Some(audio) = &video.audio {
        write_audio(writer, audio);
    }
}

fn read_video(reader: &mut Reader<'_>) -> Result<VideoQuery, DecodeError> {
    Ok(VideoQuery {
        duration_ms: reader.number32(MAX_EXCERPT_MS, "the duration")?,
        frames: read_frames(reader, MAX_FRAMES)?,
        audio: read_flag(reader, "the mark of sound")?
            .then(|| read_audio(reader))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn audio() -> impl Strategy<Value = AudioQuery> {
        let peak = (0..MAX_EXCERPT_MS, 0..9_000_u16).prop_map(|(at_ms, pitch_cents)| Peak { at_ms, pitch_cents });
        (0..=MAX_EXCERPT_MS, vec((peak, any::<bool>()), 0..40)).prop_map(|(duration_ms, mut peaks)| {
            peaks.sort_unstable();
            peaks.dedup_by_key(|(peak, _)| *peak);
            let strong = peaks
                .iter()
                .filter(|(_, strong)| *strong)
                .map(|(peak, _)| *peak)
                .collect();
            let peaks = peaks.into_iter().map(|(peak, _)| peak).collect();
            AudioQuery {
                duration_ms,
                peaks,
                strong,
            }
        })
    }

    fn query() -> impl Strategy<Value = Query> {
        prop_oneof![
            audio().prop_map(Query::Audio),
            (proptest::option::of(audio()), any::<[u8; 32]>()).prop_map(|(audio, hash)| {
                let frames = vec![FrameHash { at_ms: 0, hash }, FrameHash { at_ms: 40, hash }];
                Query::Video(VideoQuery {
                    duration_ms: 80,
                    frames,
                    audio,
                })
            }),
            any::<[u8; 32]>().prop_map(|hash| Query::Image(ImageQuery { hash })),
        ]
    }

    proptest! {
        #[test]
        fn a_query_survives_its_encoding(query in query()) {
            prop_assert_eq!(Query::decode(&query.encode()).unwrap(), query);
        }

        #[test]
        fn only_canonical_bytes_are_a_query(query in query(), place in any::<prop::sample::Index>(), bits in 1..=255_u8) {
            let mut bytes = query.encode();
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(other) = Query::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }
    }

    #[test]
    fn an_excerpt_is_at_most_a_minute_long() {
        let query = Query::Audio(AudioQuery {
            duration_ms: MAX_EXCERPT_MS + 1,
            ..AudioQuery::default()
        });
        let found = u64::from(MAX_EXCERPT_MS) + 1;
        let expected = DecodeError::TooLarge {
            what: "the duration",
            found,
            max: found - 1,
        };
        assert_eq!(Query::decode(&query.encode()), Err(expected));
    }
}
