use std::collections::VecDeque;

use rusty_chromaprint::{Configuration, Fingerprinter};

use super::{
    CHROMA_ITEM_MICROS, MAX_CHANNELS, MAX_RATE_HZ, MIN_EXCERPT_MS, MIN_RATE_HZ, READY_MS, SAMPLE_RATE,
    choice::{Ranked, Ranking},
    peaks::{Found, Picker},
    resample::Resampler,
    spectrum::Spectrogram,
};
use crate::{AudioDescriptor, AudioQuery, FingerprintError, MAX_DURATION_MS, Peak, Query};

/// Peaks of each second that a descriptor keeps, about.
const KEPT: usize = 8;
/// Peaks of each second that a query keeps, about: those of the descriptor are among them although noise makes others
/// stand out.
const QUERIED: usize = 12;
/// Fewer distinct pitches, in quarter tones, than this are a tone.
const MIN_PITCHES: u32 = 4;
const MIN_PEAKS: u32 = 8;

/// Takes sound as it comes and knows it by then: memory grows only by the descriptor, about 60 bytes a second.
pub struct AudioStream {
    channels: u16,
    mono: Vec<f64>,
    resampler: Resampler,
    analysis: Analysis,
    /// Samples taken, of all channels.
    taken: u64,
    rate_hz: u32,
}

/// What is known of the sound at [`SAMPLE_RATE`].
struct Analysis {
    spectrogram: Spectrogram,
    picker: Picker,
    ranking: Ranking,
    chroma: Fingerprinter,
    found: Vec<Found>,
    kept: Vec<Peak>,
    recent: VecDeque<Peak>,
    samples: u64,
    integers: Vec<i16>,
}

impl AudioStream {
    /// A stream of interleaved samples from -1 to 1.
    ///
    /// # Errors
    /// The rate or the number of channels is none that sound has.
    pub fn new(rate_hz: u32, channels: u16) -> Result<Self, FingerprintError> {
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
            return Err(FingerprintError::BadRate {
                found: rate_hz,
                min: MIN_RATE_HZ,
                max: MAX_RATE_HZ,
            });
        }
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(FingerprintError::BadChannels {
                found: channels,
                max: MAX_CHANNELS,
            });
        }
        let resampler = Resampler::new(rate_hz)?;
        Ok(Self {
            channels,
            mono: Vec::new(),
            resampler,
            analysis: Analysis::new(),
            taken: 0,
            rate_hz,
        })
    }

    /// Takes more sound. Samples beyond full scale are taken for full scale.
    ///
    /// # Errors
    /// A sample is not finite, the samples are no whole frames, or the sound is too long. What came before stays
    /// usable; nothing of `samples` is taken.
    pub fn ingest(&mut self, samples: &[f32]) -> Result<(), FingerprintError> {
        let channels = usize::from(self.channels);
        if !samples.len().is_multiple_of(channels) {
            return Err(FingerprintError::PartFrame {
                samples: samples.len(),
                channels: self.channels,
            });
        }
        if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
            return Err(FingerprintError::NotFinite {
                index: self.taken + index as u64,
            });
        }
        let frames = (self.taken + samples.len() as u64) / u64::from(self.channels);
        if frames > u64::from(MAX_DURATION_MS) * u64::from(self.rate_hz) / 1_000 {
            return Err(FingerprintError::TooLong {
                max_ms: MAX_DURATION_MS,
            });
        }
        self.taken += samples.len() as u64;
        for part in samples.chunks(channels * 65_536) {
            self.mono.clear();
            let frames = part.chunks_exact(channels);
            self.mono.extend(
                frames.map(|frame| frame.iter().map(|s| f64::from(s.clamp(-1.0, 1.0))).sum::<f64>() / channels as f64),
            );
            self.resampler.push(&self.mono, |samples| self.analysis.push(samples));
        }
        Ok(())
    }

    /// How long the sound is that was taken.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        let frames = self.taken / u64::from(self.channels);
        u32::try_from(frames * 1_000 / u64::from(self.rate_hz)).unwrap_or(u32::MAX)
    }

    /// Whether there is enough for a query that finds the work.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.duration_ms() >= READY_MS
    }

    /// What to look the sound up by: the last minute of it, or all if it is shorter. The stream can go on.
    ///
    /// # Errors
    /// Too little was heard, or nothing that a work could be known by.
    pub fn query(mut self) -> Result<Query, FingerprintError> {
        let duration_ms = self.finish_analysis()?;
        self.analysis.query(duration_ms).map(Query::Audio)
    }

    /// The descriptor of the whole sound.
    ///
    /// # Errors
    /// Too little was heard, or nothing that a work could be known by.
    pub fn finish(mut self) -> Result<AudioDescriptor, FingerprintError> {
        let duration_ms = self.finish_analysis()?;
        check_distinct(&self.analysis.kept, duration_ms)?;
        let Analysis { kept, chroma, .. } = self.analysis;
        Ok(AudioDescriptor {
            duration_ms,
            peaks: kept,
            chroma: chroma.fingerprint().to_vec(),
        })
    }

    fn finish_analysis(&mut self) -> Result<u32, FingerprintError> {
        let duration_ms = self.duration_ms();
        if duration_ms < MIN_EXCERPT_MS {
            return Err(FingerprintError::TooShort {
                found_ms: duration_ms,
                needed_ms: MIN_EXCERPT_MS,
            });
        }
        self.resampler.finish(|samples| self.analysis.push(samples));
        self.analysis.finish();
        Ok(duration_ms)
    }
}

impl Analysis {
    fn new() -> Self {
        let mut chroma = Fingerprinter::new(&Configuration::preset_test2());
        let started = chroma.start(SAMPLE_RATE, 1);
        debug_assert!(started.is_ok(), "one channel at its own rate");
        Self {
            spectrogram: Spectrogram::new(),
            picker: Picker::new(),
            ranking: Ranking::default(),
            chroma,
            found: Vec::new(),
            kept: Vec::new(),
            recent: VecDeque::new(),
            samples: 0,
            integers: Vec::new(),
        }
    }

    fn push(&mut self, samples: &[f64]) {
        self.samples += samples.len() as u64;
        self.integers.clear();
        self.integers.extend(
            samples
                .iter()
                .map(|sample| libm::round(sample.clamp(-1.0, 1.0) * 32_767.0) as i16),
        );
        self.chroma.consume(&self.integers);
        let Self {
            spectrogram,
            picker,
            found,
            ..
        } = self;
        spectrogram.push(samples, |levels| picker.push(levels, found));
        let now_ms = self.picker.looked_until_ms();
        let Self {
            ranking,
            found,
            kept,
            recent,
            ..
        } = self;
        ranking.push(found, now_ms, |ranked| keep(ranked, kept, recent));
    }

    fn finish(&mut self) {
        self.chroma.finish();
        let Self { picker, found, .. } = self;
        picker.finish(found);
        let Self {
            ranking,
            found,
            kept,
            recent,
            ..
        } = self;
        ranking.push(found, 0, |_| ());
        ranking.finish(|ranked| keep(ranked, kept, recent));
    }

    fn query(&self, duration_ms: u32) -> Result<AudioQuery, FingerprintError> {
        let from_ms = duration_ms.saturating_sub(crate::MAX_EXCERPT_MS);
        let late = self.recent.iter().filter(|peak| peak.at_ms >= from_ms);
        let peaks: Vec<_> = late
            .map(|peak| Peak {
                at_ms: peak.at_ms - from_ms,
                ..*peak
            })
            .collect();
        check_distinct(&peaks, duration_ms)?;
        let first = u64::from(from_ms) * 1_000 / u64::from(CHROMA_ITEM_MICROS);
        let chroma = self
            .chroma
            .fingerprint()
            .iter()
            .skip(usize::try_from(first).unwrap_or(usize::MAX))
            .copied()
            .collect();
        Ok(AudioQuery {
            duration_ms: duration_ms - from_ms,
            peaks,
            chroma,
        })
    }
}

fn keep(ranked: Ranked, kept: &mut Vec<Peak>, recent: &mut VecDeque<Peak>) {
    if ranked.rank < KEPT {
        kept.push(ranked.peak);
    }
    if ranked.rank < QUERIED {
        let old_ms = ranked.peak.at_ms.saturating_sub(crate::MAX_EXCERPT_MS + 1_000);
        while recent.front().is_some_and(|first| first.at_ms < old_ms) {
            recent.pop_front();
        }
        recent.push_back(ranked.peak);
    }
}

/// Refuses what would match everything of its like.
fn check_distinct(peaks: &[Peak], duration_ms: u32) -> Result<(), FingerprintError> {
    if peaks.is_empty() {
        return Err(FingerprintError::Silence);
    }
    let mut pitches: Vec<_> = peaks.iter().map(|peak| (peak.pitch_cents + 25) / 50).collect();
    pitches.sort_unstable();
    pitches.dedup();
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    if count(pitches.len()) < MIN_PITCHES {
        return Err(FingerprintError::Monotonous {
            found: count(pitches.len()),
            needed: MIN_PITCHES,
            duration_ms,
        });
    }
    if count(peaks.len()) < MIN_PEAKS {
        return Err(FingerprintError::Monotonous {
            found: count(peaks.len()),
            needed: MIN_PEAKS,
            duration_ms,
        });
    }
    Ok(())
}
