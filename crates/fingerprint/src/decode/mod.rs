//! Sound out of files: WAV, FLAC, Ogg, MP3, MP4 and Matroska with the codecs PCM, FLAC, Vorbis, Opus, MP3 and AAC-LC in
//! this program, anything else by an installed `ffmpeg`. Memory stays bounded whatever the file's length.

mod ffmpeg;
mod native;

use std::path::{Path, PathBuf};

use crate::{AudioDescriptor, AudioStream, FingerprintError, Query};

/// What this program reads by itself.
pub const SUPPORTED: &str = "PCM, FLAC, Vorbis, Opus, MP3 and AAC-LC in WAV, FLAC, Ogg, MP3, MP4 or Matroska";

/// Why there is no sound from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeAudioError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Neither this program nor an installed ffmpeg knows the format.
    #[error("{} is {found}, which is not read here: convert it to {SUPPORTED}, or install ffmpeg", path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
    },
    /// The format is known, and what is in it is not sound.
    #[error("{} is damaged: {detail}; get it again", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// No sound in it.
    #[error("{} has no sound", path.display())]
    NoSound {
        /// Which file.
        path: PathBuf,
    },
    /// Its sound changes its rate or its channels on the way.
    #[error("the sound of {} changes from {before} to {after} on the way: convert it to one rate", path.display())]
    Changes {
        /// Which file.
        path: PathBuf,
        /// Rate and channels at first.
        before: String,
        /// Rate and channels later.
        after: String,
    },
    /// Its sound cannot be fingerprinted.
    #[error("{}: {source}", path.display())]
    Fingerprint {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: FingerprintError,
    },
}

/// A piece of decoded sound.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Samples a second of one channel.
    pub rate_hz: u32,
    /// How many channels.
    pub channels: u16,
    /// From -1 to 1, the channels interleaved.
    pub samples: &'a [f32],
}

/// Decodes the sound of a file piece by piece, until its end or until `sink` fails.
///
/// # Errors
/// The file cannot be read, its format is unknown, it is damaged or without sound, or `sink` failed. A file that is cut
/// gives the sound up to the cut.
pub fn decode_audio(
    path: &Path,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), DecodeAudioError>,
) -> Result<(), DecodeAudioError> {
    match native::decode(path, sink) {
        Err(DecodeAudioError::Unsupported { path, found }) => ffmpeg::decode(&path, &found, sink),
        result => result,
    }
}

/// The stream of a file's whole sound.
///
/// # Errors
/// As [`decode_audio`], or the sound cannot be fingerprinted.
fn stream_of(path: &Path) -> Result<AudioStream, DecodeAudioError> {
    let refused = |source| DecodeAudioError::Fingerprint {
        path: path.to_owned(),
        source,
    };
    let mut stream: Option<(AudioStream, u32, u16)> = None;
    decode_audio(path, &mut |piece| {
        let (stream, rate_hz, channels) = match &mut stream {
            Some(stream) => stream,
            none => {
                let started = AudioStream::new(piece.rate_hz, piece.channels).map_err(refused)?;
                none.insert((started, piece.rate_hz, piece.channels))
            }
        };
        if (*rate_hz, *channels) != (piece.rate_hz, piece.channels) {
            let name = |rate_hz, channels| format!("{rate_hz} Hz and {channels} channels");
            let (before, after) = (name(*rate_hz, *channels), name(piece.rate_hz, piece.channels));
            return Err(DecodeAudioError::Changes {
                path: path.to_owned(),
                before,
                after,
            });
        }
        stream.ingest(piece.samples).map_err(refused)
    })?;
    stream
        .map(|(stream, ..)| stream)
        .ok_or_else(|| DecodeAudioError::NoSound { path: path.to_owned() })
}

/// The descriptor of a file's sound.
///
/// # Errors
/// As [`decode_audio`], or the sound cannot be fingerprinted.
pub fn describe_audio(path: &Path) -> Result<AudioDescriptor, DecodeAudioError> {
    let descriptor = stream_of(path)?.finish();
    descriptor.map_err(|source| DecodeAudioError::Fingerprint {
        path: path.to_owned(),
        source,
    })
}

/// What to look a file's sound up by: its last minute.
///
/// # Errors
/// As [`describe_audio`].
pub fn query_audio(path: &Path) -> Result<Query, DecodeAudioError> {
    let query = stream_of(path)?.query();
    query.map_err(|source| DecodeAudioError::Fingerprint {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Eight seconds of a melody as a WAV file of 16 bits, mono.
    fn wav(rate_hz: u32) -> Vec<u8> {
        let samples: Vec<i16> = crate::audio::testing::melody(rate_hz, 8.0, 1)
            .iter()
            .map(|sample| (sample * 20_000.0) as i16)
            .collect();
        let data_bytes = samples.len() as u32 * 2;
        let mut file = Vec::new();
        file.extend(b"RIFF");
        file.extend((36 + data_bytes).to_le_bytes());
        file.extend(b"WAVEfmt ");
        file.extend(16_u32.to_le_bytes());
        file.extend([1_u16, 1].iter().flat_map(|value| value.to_le_bytes()));
        file.extend([rate_hz, rate_hz * 2].iter().flat_map(|value| value.to_le_bytes()));
        file.extend([2_u16, 16].iter().flat_map(|value| value.to_le_bytes()));
        file.extend(b"data");
        file.extend(data_bytes.to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_is_known_by_its_content_not_by_its_name() {
        let (_folder, path) = written("song.mp3", &wav(22_050));
        let descriptor = describe_audio(&path).unwrap();
        assert_eq!(descriptor.duration_ms, 8_000);
        assert!(descriptor.peaks.len() > 20);
    }

    #[test]
    fn a_cut_file_gives_the_sound_up_to_the_cut() {
        let whole = wav(22_050);
        let (_folder, path) = written("cut.wav", &whole[..whole.len() * 5 / 8]);
        let descriptor = describe_audio(&path).unwrap();
        assert!(
            (4_900..=5_000).contains(&descriptor.duration_ms),
            "{}",
            descriptor.duration_ms
        );
    }

    #[test]
    fn what_is_no_sound_is_named_and_never_panics() {
        let noise: Vec<u8> = (0..50_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for (name, bytes) in [
            ("empty.wav", &[][..]),
            ("noise.ogg", &noise),
            ("-text.flac", b"not a sound at all"),
        ] {
            let (_folder, path) = written(name, bytes);
            let error = describe_audio(&path).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        let missing = Path::new("/nonexistent/file.wav");
        assert!(matches!(
            describe_audio(missing),
            Err(DecodeAudioError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_damaged_file_never_panics() {
        let whole = wav(22_050);
        for place in (0..60).chain([1_000, 30_000]) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0xff;
            let (_folder, path) = written("damaged.wav", &bytes);
            let _ = native::decode(&path, &mut |_| Ok(()));
        }
    }
}
