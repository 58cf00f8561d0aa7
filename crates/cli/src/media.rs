//! Files of sound and pictures, read for what they are known by.

use std::{fs::File, io::Read, ops::ControlFlow, path::Path};

use cwe_fingerprint::{
    AudioDescriptor, AudioStream, Descriptor, FileError, FingerprintError, ImageQuery, Kind, Query, VideoDescriptor,
    decode_audio, decode_image, decode_video,
};
use eyre::{Result, WrapErr};

use crate::progress::Progress;

/// Bytes at the start of a file that tell its format.
const MAGIC_BYTES: u64 = 4096;

/// What a file is taken for.
#[derive(Debug, clap::Args)]
pub(crate) struct KindArgs {
    /// What the file is; default: what its first bytes say, whatever its name
    #[arg(long, value_enum)]
    kind: Option<KindName>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindName {
    Audio,
    Video,
    Image,
}

impl KindArgs {
    fn of(&self, file: &Path) -> Result<Kind> {
        match self.kind {
            Some(KindName::Audio) => Ok(Kind::Audio),
            Some(KindName::Video) => Ok(Kind::Video),
            Some(KindName::Image) => Ok(Kind::Image),
            None => sniff(file),
        }
    }
}

/// Whether a file is a picture, whatever its name.
///
/// # Errors
/// It can't be read.
pub(crate) fn is_picture(file: &Path) -> Result<bool> {
    Ok(sniff(file)? == Kind::Image)
}

fn sniff(file: &Path) -> Result<Kind> {
    let mut first = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAGIC_BYTES).read_to_end(&mut first))
        .wrap_err_with(|| format!("reading {}", file.display()))?;
    Ok(match infer::get(&first).map(|format| format.matcher_type()) {
        Some(infer::MatcherType::Image) => Kind::Image,
        Some(infer::MatcherType::Video) => Kind::Video,
        // The decoders know more formats of sound than have a mark at the start.
        _ => Kind::Audio,
    })
}

/// The descriptor of a whole file.
///
/// # Errors
/// The file can't be read or decoded, or there is nothing in it to know it by.
pub(crate) fn descriptor(file: &Path, kind: &KindArgs, progress: &mut Progress) -> Result<Descriptor> {
    let what = kind.of(file)?;
    progress.step(format!("fingerprinting {}", file.display()));
    let made = match what {
        Kind::Audio => sound(file).map(Descriptor::Audio),
        Kind::Image => decode_image(file).map(Descriptor::Image),
        Kind::Video => pictures(file),
    };
    made.wrap_err_with(|| format!("fingerprinting {}", file.display()))
}

fn sound(file: &Path) -> Result<AudioDescriptor, FileError> {
    let mut stream = None;
    decode_audio(file, &mut |rate_hz, channels, samples| {
        listen(&mut stream, rate_hz, channels, samples)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(stream.ok_or(FingerprintError::Silence)?.finish()?)
}

/// Moving pictures, with the sound that goes with them. Some containers of pictures hold nothing but sound.
fn pictures(file: &Path) -> Result<Descriptor, FileError> {
    let video = match decode_video(file) {
        Err(FileError::Unreadable { .. }) => return sound(file).map(Descriptor::Audio),
        decoded => decoded?.finish()?,
    };
    let audio = match sound(file) {
        Ok(audio) => Some(audio),
        // Pictures without sound, or with none to know them by, are a work too.
        Err(FileError::NoSound { .. } | FileError::Fingerprint(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Descriptor::Video(VideoDescriptor { audio, ..video }))
}

/// Which parts of a file to listen to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Where the first begins.
    pub from_secs: u32,
    /// Length of each.
    pub length_secs: u32,
    /// How many at most, one behind the other.
    pub count: usize,
}

/// A part of a file.
pub(crate) struct Excerpt {
    /// Where in the file it begins.
    pub at_ms: u32,
    /// What to look it up by.
    pub query: Query,
}

/// Parts of a file that can be looked up; at least one. Only as much of the file is decoded as they need.
///
/// # Errors
/// The file can't be read or decoded, or no part of it can be looked up.
pub(crate) fn excerpts(file: &Path, kind: &KindArgs, wanted: Wanted) -> Result<Vec<Excerpt>> {
    let found = match kind.of(file)? {
        Kind::Audio => sounds(file, wanted),
        Kind::Image => picture(file),
        Kind::Video => match sounds(file, wanted) {
            // Its sound tells more in less time; where there is none the pictures must do.
            Err(FileError::NoSound { .. } | FileError::Fingerprint(_)) => moving_pictures(file),
            heard => heard,
        },
    };
    found.wrap_err_with(|| format!("listening to {}", file.display()))
}

fn picture(file: &Path) -> Result<Vec<Excerpt>, FileError> {
    let hash = decode_image(file)?.hash;
    let query = Query::Image(ImageQuery { hash });
    Ok(vec![Excerpt { at_ms: 0, query }])
}

fn moving_pictures(file: &Path) -> Result<Vec<Excerpt>, FileError> {
    let query = Query::Video(decode_video(file)?.query()?);
    Ok(vec![Excerpt { at_ms: 0, query }])
}

fn sounds(file: &Path, wanted: Wanted) -> Result<Vec<Excerpt>, FileError> {
    let mut parts = Parts::new(wanted);
    decode_audio(file, &mut |rate_hz, channels, samples| {
        parts.hear(rate_hz, channels, samples)
    })?;
    parts.finish()
}

/// Cuts what is decoded into parts.
struct Parts {
    wanted: Wanted,
    /// Frames (samples of all channels) heard so far.
    heard: u64,
    rate_hz: u32,
    stream: Option<AudioStream>,
    found: Vec<Excerpt>,
    /// Parts that were cut, whether or not they can be looked up.
    cut: usize,
    failure: Option<FingerprintError>,
}

impl Parts {
    const fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            heard: 0,
            rate_hz: 1,
            stream: None,
            found: Vec::new(),
            cut: 0,
            failure: None,
        }
    }

    fn hear(&mut self, rate_hz: u32, channels: u16, samples: &[f32]) -> Result<ControlFlow<()>, FingerprintError> {
        self.rate_hz = rate_hz.max(1);
        let channel_count = usize::from(channels.max(1));
        let mut rest = samples;
        while !rest.is_empty() {
            let (start, end) = self.bounds();
            let skip = usize::try_from(start.saturating_sub(self.heard)).unwrap_or(usize::MAX);
            let (skipped, after) = rest.split_at(skip.saturating_mul(channel_count).min(rest.len()));
            self.heard += (skipped.len() / channel_count) as u64;
            let take = usize::try_from(end.saturating_sub(self.heard)).unwrap_or(usize::MAX);
            let (part, after) = after.split_at(take.saturating_mul(channel_count).min(after.len()));
            if !part.is_empty() {
                listen(&mut self.stream, rate_hz, channels, part)?;
                self.heard += (part.len() / channel_count) as u64;
            }
            if self.heard >= end {
                self.cut();
            }
            if self.cut == self.wanted.count {
                return Ok(ControlFlow::Break(()));
            }
            rest = after;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// First frame of the present part, and the first one behind it.
    fn bounds(&self) -> (u64, u64) {
        let rate = u64::from(self.rate_hz);
        let length = u64::from(self.wanted.length_secs) * rate;
        let start = u64::from(self.wanted.from_secs) * rate + self.cut as u64 * length;
        (start, start + length)
    }

    fn cut(&mut self) {
        let (start, _) = self.bounds();
        self.cut += 1;
        let Some(stream) = self.stream.take() else { return };
        match stream.query() {
            Ok(query) => self.found.push(Excerpt {
                at_ms: u32::try_from(start * 1000 / u64::from(self.rate_hz)).unwrap_or(u32::MAX),
                query,
            }),
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The last part may be shorter.
    fn finish(mut self) -> Result<Vec<Excerpt>, FileError> {
        if self.cut < self.wanted.count {
            self.cut();
        }
        match (self.found.is_empty(), self.failure) {
            (true, failure) => Err(failure.unwrap_or(FingerprintError::Silence).into()),
            (false, _) => Ok(self.found),
        }
    }
}

fn listen(
    stream: &mut Option<AudioStream>,
    rate_hz: u32,
    channels: u16,
    samples: &[f32],
) -> Result<(), FingerprintError> {
    match stream {
        Some(stream) => stream.ingest(samples),
        None => stream.insert(AudioStream::new(rate_hz, channels)?).ingest(samples),
    }
}
