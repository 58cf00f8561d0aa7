//! A file's sound, cut into the pieces that are recognised and played one after another.

use std::{ops::ControlFlow, path::Path};

use cwe_fingerprint::{AudioStream, FileError, Query, decode_audio_stereo};
use tokio_util::sync::CancellationToken;

/// Length of a piece: what it takes to know a work from ten million.
pub(super) const PIECE_MS: u64 = 10_000;

/// Which part of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub from_secs: u32,
    /// To the end where it is none.
    pub for_secs: Option<u32>,
}

/// Some seconds of sound.
#[derive(Debug, Default)]
pub(super) struct Sound {
    pub rate_hz: u32,
    pub channels: u16,
    /// Interleaved.
    pub samples: Vec<f32>,
}

impl Sound {
    /// How long it is.
    pub(super) fn length_ms(&self) -> u64 {
        let frames = self.samples.len() as u64 / u64::from(self.channels.max(1));
        frames * 1000 / u64::from(self.rate_hz.max(1))
    }

    /// The same sound in parts of so many milliseconds; the last may be shorter.
    pub(super) fn chunks(&self, length_ms: u64) -> impl Iterator<Item = &[f32]> {
        let samples = frames(length_ms, self.rate_hz).max(1) * u64::from(self.channels.max(1));
        self.samples.chunks(usize::try_from(samples).unwrap_or(usize::MAX))
    }
}

/// A piece of a file.
pub(super) struct Piece {
    pub sound: Sound,
    /// What to know it by; none where it is too short, too quiet, or nothing but a tone.
    pub query: Option<Query>,
}

/// Decodes a part of a file and gives it piece by piece, as long as they are wanted.
///
/// # Errors
/// The file can't be read or decoded.
pub(super) fn decode(
    path: &Path,
    part: Part,
    stop: &CancellationToken,
    each: impl FnMut(Piece) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let mut cutter = Cutter::new(part, each);
    decode_audio_stereo(path, &mut |rate_hz, channels, samples| {
        if stop.is_cancelled() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(cutter.take(rate_hz, channels, samples))
    })?;
    cutter.finish();
    Ok(())
}

struct Cutter<F> {
    part: Part,
    each: F,
    /// Frames (samples of all channels) of the file that went by.
    frames: u64,
    sound: Sound,
    first: bool,
    wanted: bool,
}

impl<F: FnMut(Piece) -> ControlFlow<()>> Cutter<F> {
    fn new(part: Part, each: F) -> Self {
        Self {
            part,
            each,
            frames: 0,
            sound: Sound::default(),
            first: true,
            wanted: true,
        }
    }

    fn take(&mut self, rate_hz: u32, channels: u16, samples: &[f32]) -> ControlFlow<()> {
        (self.sound.rate_hz, self.sound.channels) = (rate_hz, channels);
        let channels = usize::from(channels.max(1));
        let start = u64::from(self.part.from_secs) * u64::from(rate_hz);
        let end = self.part.for_secs.map_or(u64::MAX, |secs| {
            start.saturating_add(u64::from(secs) * u64::from(rate_hz))
        });
        let before = self.frames;
        self.frames += (samples.len() / channels) as u64;
        let place = |frame: u64| {
            usize::try_from(frame.saturating_sub(before))
                .unwrap_or(usize::MAX)
                .saturating_mul(channels)
                .min(samples.len())
        };
        let mut rest = &samples[place(start)..place(end)];
        while !rest.is_empty() && self.wanted {
            let full = usize::try_from(frames(PIECE_MS, rate_hz)).unwrap_or(usize::MAX).max(1) * channels;
            let (now, later) = rest.split_at(rest.len().min(full.saturating_sub(self.sound.samples.len())));
            self.sound.samples.extend_from_slice(now);
            if self.sound.samples.len() >= full {
                self.give(true);
            }
            rest = later;
        }
        if self.wanted && self.frames < end {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn finish(mut self) {
        if self.wanted && !self.sound.samples.is_empty() {
            self.give(false);
        }
    }

    /// A short rest says little: it is only looked up where there is nothing else of the file.
    fn give(&mut self, full: bool) {
        let next = Sound {
            samples: Vec::new(),
            ..self.sound
        };
        let sound = std::mem::replace(&mut self.sound, next);
        let query = (full || self.first).then(|| query(&sound)).flatten();
        self.first = false;
        self.wanted = (self.each)(Piece { sound, query }).is_continue();
    }
}

const fn frames(length_ms: u64, rate_hz: u32) -> u64 {
    length_ms * rate_hz as u64 / 1000
}

fn query(sound: &Sound) -> Option<Query> {
    let mut stream = AudioStream::new(sound.rate_hz, sound.channels).ok()?;
    stream.ingest(&sound.samples).ok()?;
    stream.query().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the pieces that so many seconds in stereo are cut into, handed over in odd portions.
    fn cut(secs: usize, part: Part, wanted: usize) -> Vec<u64> {
        let samples: Vec<f32> = (0..secs * 16_000).map(|at| at as f32).collect();
        let mut lengths = Vec::new();
        let mut first = None;
        let mut cutter = Cutter::new(part, |piece: Piece| {
            first.get_or_insert(piece.sound.samples.first().copied());
            lengths.push(piece.sound.length_ms());
            if lengths.len() < wanted {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        for portion in samples.chunks(2 * 4_567) {
            if cutter.take(8_000, 2, portion).is_break() {
                break;
            }
        }
        cutter.finish();
        if let Some(first) = first {
            assert_eq!(first, samples.get(part.from_secs as usize * 16_000).copied());
        }
        lengths
    }

    const ALL: Part = Part {
        from_secs: 0,
        for_secs: None,
    };

    #[test]
    fn every_second_of_the_part_is_in_one_piece() {
        assert_eq!(cut(25, ALL, 9), [10_000, 10_000, 5_000]);
        assert_eq!(cut(20, ALL, 9), [10_000, 10_000]);
        let part = |from_secs, for_secs| Part { from_secs, for_secs };
        assert_eq!(cut(25, part(7, None), 9), [10_000, 8_000]);
        assert_eq!(cut(25, part(7, Some(12)), 9), [10_000, 2_000]);
        assert_eq!(cut(25, part(3, Some(10)), 9), [10_000]);
        assert!(cut(25, part(25, None), 9).is_empty());
        assert!(cut(25, part(u32::MAX, Some(u32::MAX)), 9).is_empty());
    }

    #[test]
    fn who_has_enough_gets_no_more() {
        assert_eq!(cut(50, ALL, 2), [10_000, 10_000]);
    }

    #[test]
    fn chunks_have_all_of_a_sound() {
        let sound = Sound {
            rate_hz: 8_000,
            channels: 2,
            samples: vec![0.5; 16_000 + 100],
        };
        let lengths: Vec<_> = sound.chunks(250).map(<[f32]>::len).collect();
        assert_eq!(lengths, [4_000, 4_000, 4_000, 4_000, 100]);
        assert_eq!(Sound::default().chunks(250).count(), 0);
    }
}
