//! The sound of files: decoded in this process where a decoder for the format is built in, else by the program `ffmpeg`.
//! Memory stays within a packet, however long the file is.

use std::{
    fs::File,
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
};

use symphonia::core::{
    codecs::audio::{AudioDecoder, AudioDecoderOptions},
    common::Limit,
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

use crate::{FileError, FingerprintError, video::Ffmpeg};

/// Containers that `ffmpeg` may open: none of them names other files.
const CONTAINERS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,mpeg,mpegts,ogg,asf,mp3,aac,ac3,eac3,amr,ape,flac,wav,w64,aiff,caf,\
     tta,wv,dsf,tak,opus";
/// What `ffmpeg` gives.
const RATE_HZ: u32 = 44_100;
/// One channel for comparing, two for ears.
const MONO: u16 = 1;
const STEREO: u16 = 2;
const SAMPLE_BYTES: usize = 4;
const CHUNK_SAMPLES: usize = 16_384;
/// How ffmpeg says that there is nothing to map.
const NO_STREAM: &str = "matches no streams";

/// Takes rate in Hz, number of channels, and interleaved samples; says whether it wants more.
pub type Sink<'a> = dyn FnMut(u32, u16, &[f32]) -> Result<ControlFlow<()>, FingerprintError> + 'a;

/// Decodes the first sound of a file, until its end or until the sink has enough. Damaged parts are left out.
///
/// # Errors
/// The file can't be read, has no sound or none that can be decoded; or the sink fails.
pub fn decode_audio(path: &Path, sink: &mut Sink<'_>) -> Result<(), FileError> {
    decode(path, MONO, sink)
}

/// The same for playing it: sound that ffmpeg decodes keeps two channels.
///
/// # Errors
/// As [`decode_audio`].
pub fn decode_audio_stereo(path: &Path, sink: &mut Sink<'_>) -> Result<(), FileError> {
    decode(path, STEREO, sink)
}

fn decode(path: &Path, ffmpeg_channels: u16, sink: &mut Sink<'_>) -> Result<(), FileError> {
    let file = File::open(path).map_err(|source| FileError::Open {
        path: path.to_owned(),
        source,
    })?;
    match decode_here(file, sink)? {
        Outcome::Decoded => Ok(()),
        Outcome::Not(reason) => decode_by_ffmpeg(path, ffmpeg_channels, sink).map_err(|error| match error {
            FileError::NoFfmpeg => FileError::NotDecoded {
                path: path.to_owned(),
                reason: format!("{reason}; the program ffmpeg knows more formats, if it is installed"),
            },
            other => other,
        }),
    }
}

enum Outcome {
    Decoded,
    /// Nothing was given to the sink, and why.
    Not(String),
}

fn decode_here(file: File, sink: &mut Sink<'_>) -> Result<Outcome, FingerprintError> {
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    // Covers are not looked at.
    let metadata = MetadataOptions::default().limit_visual_bytes(Limit::Maximum(0));
    let probed = symphonia::default::get_probe().probe(&Hint::new(), stream, FormatOptions::default(), metadata);
    let mut format = match probed {
        Ok(format) => format,
        Err(error) => return Ok(Outcome::Not(error.to_string())),
    };
    let Some((track, mut decoder)) = decoder(&*format) else {
        return Ok(Outcome::Not("no decoder for its sound is built in".into()));
    };
    let mut samples = Vec::new();
    let mut given = None;
    let mut reason = String::from("it is empty");
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // Cut off or damaged: what came before counts.
            Err(error) => {
                reason = error.to_string();
                break;
            }
        };
        if packet.track_id != track {
            continue;
        }
        let decoded = match decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(Error::DecodeError(what)) => {
                reason = what.to_owned();
                continue;
            }
            Err(error) => {
                reason = error.to_string();
                break;
            }
        };
        let rate_hz = decoded.spec().rate();
        let channels = u16::try_from(decoded.spec().channels().count()).unwrap_or(u16::MAX);
        samples.resize(decoded.samples_interleaved(), 0.0_f32);
        decoded.copy_to_slice_interleaved(&mut samples);
        if samples.is_empty() {
            continue;
        }
        // Behind a change of the rate another recording begins.
        if *given.get_or_insert((rate_hz, channels)) != (rate_hz, channels) {
            break;
        }
        if sink(rate_hz, channels, &samples)?.is_break() {
            break;
        }
    }
    Ok(if given.is_some() {
        Outcome::Decoded
    } else {
        Outcome::Not(reason)
    })
}

fn decoder(format: &dyn FormatReader) -> Option<(u32, Box<dyn AudioDecoder>)> {
    let track = format.default_track(TrackType::Audio)?;
    let parameters = track.codec_params.as_ref()?.audio()?;
    let decoder = symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
    Some((track.id, decoder.ok()?))
}

fn decode_by_ffmpeg(path: &Path, channels: u16, sink: &mut Sink<'_>) -> Result<(), FileError> {
    let (rate, count) = (RATE_HZ.to_string(), channels.to_string());
    let what = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", &count, "-ar", &rate];
    let mut ffmpeg = Ffmpeg::start(path, CONTAINERS, &what, "f32le")?;
    let mut bytes = vec![0; CHUNK_SAMPLES * SAMPLE_BYTES];
    let mut given = false;
    loop {
        let count = read_some(&mut ffmpeg.output, &mut bytes).map_err(|source| FileError::Run {
            path: path.to_owned(),
            source,
        })?;
        let samples: Vec<f32> = bytes[..count]
            .as_chunks::<SAMPLE_BYTES>()
            .0
            .iter()
            .map(|sample| f32::from_le_bytes(*sample))
            .collect();
        if samples.is_empty() {
            break;
        }
        given = true;
        if sink(RATE_HZ, channels, &samples)?.is_break() {
            return Ok(());
        }
    }
    if given {
        return Ok(());
    }
    let path = path.to_owned();
    match ffmpeg.complaint() {
        reason if reason.contains(NO_STREAM) => Err(FileError::NoSound { path }),
        reason => Err(FileError::NotDecoded { path, reason }),
    }
}

/// Fills the buffer as far as there is something.
fn read_some(output: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match output.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A WAV file of 16 bits, mono.
    fn wav(rate_hz: u32, samples: &[i16]) -> tempfile::NamedTempFile {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let length = u32::try_from(data.len()).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"RIFF").unwrap();
        file.write_all(&(36 + length).to_le_bytes()).unwrap();
        file.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0").unwrap();
        file.write_all(&rate_hz.to_le_bytes()).unwrap();
        file.write_all(&(2 * rate_hz).to_le_bytes()).unwrap();
        file.write_all(b"\x02\0\x10\0data").unwrap();
        file.write_all(&length.to_le_bytes()).unwrap();
        file.write_all(&data).unwrap();
        file
    }

    fn all(path: &Path) -> Result<Vec<f32>, FileError> {
        let mut heard = Vec::new();
        decode_audio(path, &mut |_, _, samples| {
            heard.extend_from_slice(samples);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(heard)
    }

    #[test]
    fn a_file_is_decoded_to_its_samples() {
        let samples: Vec<i16> = (0..20_000).map(|at| at % 1_000 * 30).collect();
        let file = wav(8_000, &samples);
        let heard = all(file.path()).unwrap();
        assert_eq!(heard.len(), samples.len());
        assert!((heard[999] - f32::from(samples[999]) / 32_768.0).abs() < 1e-4);
    }

    #[test]
    fn a_sink_that_has_enough_ends_it() {
        let file = wav(8_000, &vec![100; 100_000]);
        let mut calls = 0;
        let mut sink = |_, _, _: &[f32]| {
            calls += 1;
            Ok(ControlFlow::Break(()))
        };
        decode_audio(file.path(), &mut sink).unwrap();
        assert_eq!(calls, 1);
    }

    #[test]
    fn what_is_missing_or_no_sound_is_named() {
        let missing = all(Path::new("/nonexistent/song.wav")).unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/song.wav"), "{missing}");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&b"This is no music. ".repeat(1_000)).unwrap();
        let error = all(file.path()).unwrap_err();
        assert!(matches!(error, FileError::NotDecoded { .. }), "{error}");
        assert!(all(wav(8_000, &[]).path()).is_err());
    }
}
