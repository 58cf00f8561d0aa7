use std::collections::VecDeque;

use rusty_chromaprint::{Configuration, Fingerprinter};

use super::{
    MAX_CHANNELS, MAX_RATE_HZ, MIN_EXCERPT_MS, MIN_RATE_HZ, READY_MS, SAMPLE_RATE,
    choice::{Ranked, Ranking},
    peaks::{Found, Picker},
    resample::Resampler,
    spectrum::Spectrogram,
};
use crate::{AudioDescriptor, AudioQuery, FingerprintError, MAX_DURATION_MS, MAX_EXCERPT_MS, Peak, Query};

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
    recent: VecDeque<Ranked>,
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
    pub fn query(&self) -> Result<Query, FingerprintError> {
        let duration_ms = self.long_enough()?;
        let (mut picker, mut ranking) = (self.analysis.picker.clone(), self.analysis.ranking.clone());
        let mut recent: Vec<_> = self.analysis.recent.iter().copied().collect();
        let mut found = Vec::new();
        picker.finish(&mut found);
        ranking.push(&mut found, 0, |_| ());
        ranking.finish(|ranked| recent.extend((ranked.rank < QUERIED).then_some(ranked)));

        let from_ms = duration_ms.saturating_sub(MAX_EXCERPT_MS);
        recent.retain(|ranked| (from_ms..=duration_ms).contains(&ranked.peak.at_ms));
        let peaks_up_to = |rank: usize| {
            let peaks = recent
                .iter()
                .filter(|ranked| ranked.rank < rank)
                .map(|ranked| ranked.peak);
            peaks
                .map(|peak| Peak {
                    at_ms: peak.at_ms - from_ms,
                    ..peak
                })
                .collect::<Vec<_>>()
        };
        let (peaks, strong) = (peaks_up_to(QUERIED), peaks_up_to(KEPT));
        check_distinct(&peaks, duration_ms)?;
        Ok(Query::Audio(AudioQuery {
            duration_ms: duration_ms - from_ms,
            peaks,
            strong,
        }))
    }

    /// The descriptor of the whole sound.
    ///
    /// # Errors
    /// Too little was heard, or nothing that a work could be known by.
    pub fn finish(mut self) -> Result<AudioDescriptor, FingerprintError> {
        let duration_ms = self.long_enough()?;
        self.resampler.finish(|samples| self.analysis.push(samples));
        self.analysis.finish();
        check_distinct(&self.analysis.kept, duration_ms)?;
        let Analysis { kept, chroma, .. } = self.analysis;
        Ok(AudioDescriptor {
            duration_ms,
            peaks: kept,
            chroma: chroma.fingerprint().to_vec(),
        })
    }

    fn long_enough(&self) -> Result<u32, FingerprintError> {
        let duration_ms = self.duration_ms();
        if duration_ms < MIN_EXCERPT_MS {
            return Err(FingerprintError::TooShort {
                found_ms: duration_ms,
                needed_ms: MIN_EXCERPT_MS,
            });
        }
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
            integers: Vec::new(),
        }
    }

    fn push(&mut self, samples: &[f64]) {
        self.integers.clear();
        self.integers.extend(samples.iter().map(|sample| integer(*sample)));
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
}

/// A sample in 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "within full scale, and casts of floats saturate"
)]
fn integer(sample: f64) -> i16 {
    libm::round(sample.clamp(-1.0, 1.0) * 32_767.0) as i16
}

fn keep(ranked: Ranked, kept: &mut Vec<Peak>, recent: &mut VecDeque<Ranked>) {
    if ranked.rank < KEPT {
        kept.push(ranked.peak);
    }
    if ranked.rank < QUERIED {
        let old_ms = ranked.peak.at_ms.saturating_sub(MAX_EXCERPT_MS + 1_000);
        while recent.front().is_some_and(|first| first.peak.at_ms < old_ms) {
            recent.pop_front();
        }
        recent.push_back(ranked);
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

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::{super::testing::melody, *};
    use crate::{Alignment, Descriptor, verify};

    fn stream(rate_hz: u32, samples: &[f32]) -> AudioStream {
        let mut stream = AudioStream::new(rate_hz, 1).unwrap();
        stream.ingest(samples).unwrap();
        stream
    }

    fn described(samples: &[f32]) -> Result<AudioDescriptor, FingerprintError> {
        stream(11_025, samples).finish()
    }

    fn tone(secs: f64, hz: f64) -> Vec<f32> {
        let count = (secs * 11_025.0) as u32;
        (0..count)
            .map(|index| (f64::from(index) / 11_025.0 * hz * core::f64::consts::TAU).sin() as f32 * 0.5)
            .collect()
    }

    #[test]
    fn silence_a_constant_and_a_tone_are_no_works() {
        assert_eq!(described(&vec![0.0; 11_025 * 8]), Err(FingerprintError::Silence));
        assert_eq!(described(&vec![0.7; 11_025 * 8]), Err(FingerprintError::Silence));
        for hz in [150.0, 441.0, 1_000.5, 4_000.0] {
            let error = described(&tone(8.0, hz)).unwrap_err();
            assert!(
                matches!(error, FingerprintError::Monotonous { .. } | FingerprintError::Silence),
                "{hz}: {error}"
            );
        }
        let query = stream(11_025, &tone(8.0, 441.0)).query();
        assert!(query.is_err());
    }

    #[test]
    fn half_a_second_is_too_short() {
        let error = FingerprintError::TooShort {
            found_ms: 500,
            needed_ms: MIN_EXCERPT_MS,
        };
        assert_eq!(stream(44_100, &melody(44_100, 0.5, 1)).query(), Err(error.clone()));
        assert_eq!(stream(44_100, &melody(44_100, 0.5, 1)).finish(), Err(error));
    }

    #[test]
    fn samples_that_are_no_numbers_are_refused_and_what_came_before_stays() {
        let mut stream = stream(11_025, &melody(11_025, 8.0, 1));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                stream.ingest(&[0.0, bad]),
                Err(FingerprintError::NotFinite { index: 88_201 })
            );
        }
        assert_eq!(stream.duration_ms(), 8_000);
        assert_eq!(stream.finish().unwrap(), described(&melody(11_025, 8.0, 1)).unwrap());
    }

    #[test]
    fn rates_channels_and_part_frames_that_no_sound_has_are_refused() {
        for rate_hz in [0, 1, MIN_RATE_HZ - 1, MAX_RATE_HZ + 1, u32::MAX] {
            assert!(
                matches!(AudioStream::new(rate_hz, 1), Err(FingerprintError::BadRate { .. })),
                "{rate_hz}"
            );
        }
        for channels in [0, MAX_CHANNELS + 1, u16::MAX] {
            assert!(matches!(
                AudioStream::new(44_100, channels),
                Err(FingerprintError::BadChannels { .. })
            ));
        }
        let mut stereo = AudioStream::new(44_100, 2).unwrap();
        assert_eq!(
            stereo.ingest(&[0.0; 3]),
            Err(FingerprintError::PartFrame {
                samples: 3,
                channels: 2
            })
        );
    }

    #[test]
    fn samples_beyond_full_scale_are_full_scale() {
        let loud: Vec<_> = melody(11_025, 6.0, 1).iter().map(|sample| sample * 1e30).collect();
        assert!(stream(11_025, &loud).finish().is_ok());
    }

    #[test]
    fn how_the_samples_are_cut_into_pieces_does_not_matter() {
        let samples = melody(44_100, 6.0, 2);
        let whole = stream(44_100, &samples).finish().unwrap();
        let mut pieces = AudioStream::new(44_100, 1).unwrap();
        let mut rest = samples.as_slice();
        for length in [1, 7, 1_000, 4_095, 65_537].into_iter().cycle() {
            let (now, later) = rest.split_at(length.min(rest.len()));
            pieces.ingest(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(pieces.finish().unwrap(), whole);
    }

    #[test]
    fn a_work_is_known_at_any_rate_and_with_any_channels() {
        let work = Descriptor::Audio(described(&melody(11_025, 12.0, 3)).unwrap());
        for rate_hz in [8_000, 16_000, 22_050, 44_099, 48_000, 96_000] {
            let mono = melody(rate_hz, 12.0, 3);
            let stereo: Vec<f32> = mono.iter().flat_map(|sample| [*sample, *sample]).collect();
            let mut heard = AudioStream::new(rate_hz, 2).unwrap();
            heard.ingest(&stereo).unwrap();
            let found = verify(&heard.query().unwrap(), &work, Alignment { offset: 0, variant: 0 });
            assert!(found.accepted && found.offset_ms.abs() < 20, "{rate_hz} Hz: {found:?}");
        }
    }

    #[test]
    fn an_excerpt_from_anywhere_finds_its_work_and_its_place() {
        let samples = melody(11_025, 40.0, 4);
        let work = Descriptor::Audio(described(&samples).unwrap());
        let other = Descriptor::Audio(described(&melody(11_025, 40.0, 5)).unwrap());
        for from_ms in [0_u32, 7_777, 21_345, 33_000] {
            let from = from_ms as usize * 11_025 / 1_000;
            let query = stream(11_025, &samples[from..from + 6 * 11_025]).query().unwrap();
            let votes = |work: &Descriptor| {
                let anchors = work.anchors();
                let probes = query.probes_of(0);
                let agree = |anchor: &&crate::Anchor| {
                    let near = |probe: &crate::Probe| {
                        probe.key == anchor.key
                            && (crate::offset(probe, anchor) - i64::from(from_ms)).abs() <= crate::OFFSET_TOLERANCE
                    };
                    probes.iter().any(near)
                };
                anchors.iter().filter(agree).count()
            };
            assert!(votes(&work) >= 3, "{from_ms}: {}", votes(&work));
            let alignment = Alignment {
                offset: i64::from(from_ms) + 30,
                variant: 0,
            };
            let found = verify(&query, &work, alignment);
            assert!(
                found.accepted && found.offset_ms.abs_diff(i64::from(from_ms)) < 20,
                "{from_ms}: {found:?}"
            );
            assert!(verify(&query, &work.slice(from_ms + 3_000), alignment).accepted);
            assert!(!verify(&query, &other, alignment).accepted);
        }
    }

    #[test]
    fn hours_of_sound_take_no_more_memory_than_their_descriptor() {
        let minute = melody(8_000, 60.0, 6);
        let mut stream = AudioStream::new(8_000, 1).unwrap();
        for _ in 0..4 {
            stream.ingest(&minute).unwrap();
        }
        let recent_secs = MAX_EXCERPT_MS as usize / 1_000 + 2;
        assert!(stream.analysis.recent.len() <= recent_secs * super::super::MAX_QUERY_PEAKS_PER_SECOND);
        assert!(stream.mono.capacity() <= 65_536 && stream.analysis.found.capacity() <= 65_536);
        let descriptor = stream.finish().unwrap();
        assert!(descriptor.peaks.len() <= 240 * super::super::MAX_PEAKS_PER_SECOND);
        assert_eq!(
            Descriptor::decode(&Descriptor::Audio(descriptor.clone()).encode()),
            Ok(Descriptor::Audio(descriptor))
        );
    }

    #[test]
    fn more_than_the_longest_work_is_refused() {
        let mut stream = AudioStream::new(8_000, 1).unwrap();
        stream.taken = u64::from(MAX_DURATION_MS) * 8;
        assert_eq!(
            stream.ingest(&[0.0]),
            Err(FingerprintError::TooLong {
                max_ms: MAX_DURATION_MS
            })
        );
    }
}
