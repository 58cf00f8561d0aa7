use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use opus_decoder::OpusDecoder;
use symphonia::core::{
    codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
};

use super::{DecodeAudioError, Piece};

type Sink<'a> = dyn FnMut(Piece<'_>) -> Result<(), DecodeAudioError> + 'a;

/// What Opus is always decoded to.
const OPUS_RATE_HZ: u32 = 48_000;
const OPUS_CHANNELS: u16 = 2;
/// Packets that may be damaged before the file counts as damaged: this one part of those read.
const DAMAGED_PART: u64 = 2;

/// As [`super::decode_audio`], without help of other programs.
pub(super) fn decode(path: &Path, sink: &mut Sink<'_>) -> Result<(), DecodeAudioError> {
    // Decoders of many formats promise to survive any input; should one not, it is the file's fault and not the end of
    // the program. Nothing of theirs is used afterwards.
    catch_unwind(AssertUnwindSafe(|| decode_packets(path, sink))).unwrap_or_else(|_| {
        Err(DecodeAudioError::Corrupt {
            path: path.to_owned(),
            detail: "its decoder failed on it".into(),
        })
    })
}

fn decode_packets(path: &Path, sink: &mut Sink<'_>) -> Result<(), DecodeAudioError> {
    let unreadable = |source| DecodeAudioError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut format = probe(path, file)?;
    let no_sound = || DecodeAudioError::NoSound { path: path.to_owned() };
    let track = format.default_track(TrackType::Audio).ok_or_else(no_sound)?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(no_sound)?;
    let mut decoder = Decoder::new(path, parameters)?;
    let (mut packets, mut damaged) = (0_u64, 0_u64);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // A cut file ends in the middle of something.
            Ok(None) | Err(Error::IoError(_)) => break,
            Err(Error::ResetRequired) => break,
            Err(_) => {
                damaged += 1;
                break;
            }
        };
        if packet.track_id != track_id {
            continue;
        }
        packets += 1;
        match decoder.decode(&packet) {
            Ok(piece) if piece.samples.is_empty() => {}
            Ok(piece) => sink(piece)?,
            Err(Undecodable) => damaged += 1,
        }
    }
    if damaged > 0 && damaged * DAMAGED_PART >= packets {
        let detail = format!("{damaged} of {packets} packets cannot be decoded");
        return Err(DecodeAudioError::Corrupt {
            path: path.to_owned(),
            detail,
        });
    }
    if packets == 0 { Err(no_sound()) } else { Ok(()) }
}

fn probe(path: &Path, file: File) -> Result<Box<dyn FormatReader>, DecodeAudioError> {
    let source = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let options = (FormatOptions::default(), MetadataOptions::default());
    // Without a hint: names lie.
    let probed = symphonia::default::get_probe().probe(&Hint::new(), source, options.0, options.1);
    probed.map_err(|error| match error {
        Error::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => DecodeAudioError::Unreadable {
            path: path.to_owned(),
            source,
        },
        _ => DecodeAudioError::Unsupported {
            path: path.to_owned(),
            found: "of an unknown format".into(),
        },
    })
}

enum Decoder {
    Symphonia {
        decoder: Box<dyn AudioDecoder>,
        samples: Vec<f32>,
    },
    Opus {
        decoder: Box<OpusDecoder>,
        samples: Vec<f32>,
    },
}

/// A packet that gives no sound.
struct Undecodable;

impl Decoder {
    fn new(path: &Path, parameters: &AudioCodecParameters) -> Result<Self, DecodeAudioError> {
        let unsupported = |found: String| DecodeAudioError::Unsupported {
            path: path.to_owned(),
            found,
        };
        if parameters.codec == CODEC_ID_OPUS {
            let channels = parameters.channels.as_ref().map_or(2, |channels| channels.count());
            if channels > usize::from(OPUS_CHANNELS) {
                return Err(unsupported(format!("Opus of {channels} channels")));
            }
            let decoder = OpusDecoder::new(OPUS_RATE_HZ, usize::from(OPUS_CHANNELS));
            let decoder = decoder.map_err(|error| unsupported(format!("Opus ({error})")))?;
            let samples = vec![0.0; decoder.max_frame_size_per_channel() * usize::from(OPUS_CHANNELS)];
            return Ok(Self::Opus {
                decoder: Box::new(decoder),
                samples,
            });
        }
        let made = symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
        let decoder = made.map_err(|error| unsupported(format!("of an unknown codec ({error})")))?;
        Ok(Self::Symphonia {
            decoder,
            samples: Vec::new(),
        })
    }

    fn decode(&mut self, packet: &Packet) -> Result<Piece<'_>, Undecodable> {
        match self {
            Self::Symphonia { decoder, samples } => {
                let decoded = decoder.decode(packet).map_err(|_| Undecodable)?;
                let channels = u16::try_from(decoded.spec().channels().count()).map_err(|_| Undecodable)?;
                decoded.copy_to_vec_interleaved(samples);
                let samples: &[f32] = if channels == 0 { &[] } else { samples };
                Ok(Piece {
                    rate_hz: decoded.spec().rate(),
                    channels,
                    samples,
                })
            }
            Self::Opus { decoder, samples } => {
                let frames = decoder
                    .decode_float(&packet.data, samples, false)
                    .map_err(|_| Undecodable)?;
                let samples = &samples[..(frames * usize::from(OPUS_CHANNELS)).min(samples.len())];
                Ok(Piece {
                    rate_hz: OPUS_RATE_HZ,
                    channels: OPUS_CHANNELS,
                    samples,
                })
            }
        }
    }
}
