//! Whether an aligned excerpt is of the work: how many of the peaks that the work has there were heard, against how
//! many would be heard by chance.

use super::{Variant, nearest_i64, nearest_u32};
use crate::{Alignment, AudioDescriptor, AudioQuery, Match, Peak};

/// How far a slice reaches to either side, in milliseconds.
const SLICE_MS: u32 = 5_000;
/// Peaks are the same within this time and pitch, in the final count and while the alignment is searched.
const NEAR_MS: f64 = 36.0;
const NEAR_CENTS: f64 = 28.0;
const SEARCH_MS: f64 = 75.0;
/// The least peaks of the work that the excerpt must cover.
const MIN_EXPECTED: u32 = 12;
/// How far above chance the count must be: in standard deviations, and as a part of what is possible.
const MIN_DEVIATIONS: f64 = 7.0;
/// Excerpts of the work itself reach it but in the worst noise; another performance of the same score stays below.
const MIN_PART: f64 = 0.62;

pub(crate) fn slice(audio: &AudioDescriptor, around_at: u32) -> AudioDescriptor {
    let range = around_at.saturating_sub(SLICE_MS)..=around_at.saturating_add(SLICE_MS);
    let peaks = audio
        .peaks
        .iter()
        .filter(|peak| range.contains(&peak.at_ms))
        .copied()
        .collect();
    AudioDescriptor {
        duration_ms: audio.duration_ms,
        peaks,
        chroma: Vec::new(),
    }
}

/// How the excerpt's time and pitch become the work's.
#[derive(Clone, Copy, Debug)]
struct Frame {
    offset_ms: f64,
    tempo: f64,
    cents: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    expected: u32,
    found: u32,
    chance: f64,
    variance: f64,
}

impl Count {
    fn deviations(&self) -> f64 {
        (f64::from(self.found) - self.chance) / libm::sqrt(self.variance + 1.0)
    }

    /// 0 is chance, 1 is all.
    fn part(&self) -> f64 {
        (f64::from(self.found) - self.chance) / (f64::from(self.expected) - self.chance).max(1.0)
    }
}

pub(crate) fn verify(query: &AudioQuery, candidate: &AudioDescriptor, alignment: Alignment) -> Match {
    let Some(variant) = Variant::of(alignment.variant) else {
        return Match::NONE;
    };
    let excerpt = Excerpt::new(query);
    let start = Frame {
        offset_ms: alignment.offset as f64,
        tempo: f64::from(variant.tempo_ppm) / 1e6,
        cents: 1_200.0 * libm::log2(f64::from(variant.pitch_ppm) / 1e6),
    };
    let frame = (0..3).fold(start, |frame, _| excerpt.refined(candidate, frame));
    let count = excerpt.count(candidate, frame);
    let accepted = count.expected >= MIN_EXPECTED && count.deviations() >= MIN_DEVIATIONS && count.part() >= MIN_PART;
    Match {
        score_ppm: nearest_u32(count.part().clamp(0.0, 1.0) * 1e6),
        offset_ms: nearest_i64(frame.offset_ms),
        speed_ppm: nearest_u32(frame.tempo * 1e6),
        accepted,
    }
}

struct Excerpt<'a> {
    peaks: &'a [Peak],
    duration_ms: f64,
    /// Ascending.
    pitches: Vec<u16>,
}

impl<'a> Excerpt<'a> {
    fn new(query: &'a AudioQuery) -> Self {
        let mut pitches: Vec<_> = query.peaks.iter().map(|peak| peak.pitch_cents).collect();
        pitches.sort_unstable();
        Self {
            peaks: &query.peaks,
            duration_ms: f64::from(query.duration_ms.max(1)),
            pitches,
        }
    }

    /// The work's peaks that the excerpt covers, in the excerpt's time and pitch.
    fn expected(&self, candidate: &AudioDescriptor, frame: Frame) -> impl Iterator<Item = (f64, f64)> {
        let first_ms = frame.offset_ms + 60.0;
        let last_ms = frame.offset_ms + self.duration_ms * frame.tempo - 60.0;
        let from = candidate.peaks.partition_point(|peak| f64::from(peak.at_ms) < first_ms);
        let peaks = candidate.peaks[from..]
            .iter()
            .take_while(move |peak| f64::from(peak.at_ms) <= last_ms);
        peaks.map(move |peak| {
            (
                (f64::from(peak.at_ms) - frame.offset_ms) / frame.tempo,
                f64::from(peak.pitch_cents) + frame.cents,
            )
        })
    }

    /// Peaks of the excerpt near a time.
    fn near(&self, ms: f64, reach_ms: f64) -> impl Iterator<Item = &Peak> {
        let from = self.peaks.partition_point(|peak| f64::from(peak.at_ms) < ms - reach_ms);
        self.peaks[from..]
            .iter()
            .take_while(move |peak| f64::from(peak.at_ms) <= ms + reach_ms)
    }

    fn count(&self, candidate: &AudioDescriptor, frame: Frame) -> Count {
        let mut count = Count::default();
        for (ms, cents) in self.expected(candidate, frame) {
            let heard = self
                .near(ms, NEAR_MS)
                .any(|peak| (f64::from(peak.pitch_cents) - cents).abs() <= NEAR_CENTS);
            let same = self
                .pitches
                .partition_point(|pitch| f64::from(*pitch) <= cents + NEAR_CENTS)
                - self
                    .pitches
                    .partition_point(|pitch| f64::from(*pitch) < cents - NEAR_CENTS);
            let rate = (same as f64).max(0.5) * 2.0 * NEAR_MS / self.duration_ms;
            let chance = 1.0 - libm::exp(-rate);
            count.expected += 1;
            count.found += u32::from(heard);
            count.chance += chance;
            count.variance += chance * (1.0 - chance);
        }
        count
    }

    /// The alignment that most peaks agree on: each pair of alike peaks says how far off it is; a line through them is
    /// offset and speed.
    fn refined(&self, candidate: &AudioDescriptor, start: Frame) -> Frame {
        let mut residuals = Vec::new();
        for (ms, cents) in self.expected(candidate, start) {
            for peak in self.near(ms, SEARCH_MS) {
                let off_cents = f64::from(peak.pitch_cents) - cents;
                if off_cents.abs() <= 2.0 * NEAR_CENTS {
                    residuals.push(Residual {
                        at_ms: ms,
                        off_ms: f64::from(peak.at_ms) - ms,
                        off_cents,
                    });
                }
            }
        }
        if residuals.len() < 4 {
            return start;
        }
        let middle_ms = self.duration_ms / 2.0;
        let (mut best, mut best_votes) = ((0.0, 0.0), 0.0);
        for slope_step in -6..=6 {
            let slope = f64::from(slope_step) * 0.001;
            for shift_step in -5..=5 {
                let shift = f64::from(shift_step) * 12.0;
                let votes: f64 = residuals
                    .iter()
                    .map(|residual| {
                        let off = (residual.off_ms - shift - slope * (residual.at_ms - middle_ms)) / 24.0;
                        (1.0 - off * off).max(0.0)
                    })
                    .sum();
                if votes > best_votes {
                    (best, best_votes) = ((slope, shift), votes);
                }
            }
        }
        let (slope, shift) = best;
        let mut cents: Vec<f64> = residuals
            .iter()
            .filter(|residual| (residual.off_ms - shift - slope * (residual.at_ms - middle_ms)).abs() < 24.0)
            .map(|residual| residual.off_cents)
            .collect();
        cents.sort_unstable_by(f64::total_cmp);
        let cents = cents.get(cents.len() / 2).copied().unwrap_or(0.0);
        // heard = expected·(1 + slope) + shift − slope·middle; the work's time is offset + heard / (1 + slope) · tempo …
        let tempo = start.tempo / (1.0 + slope);
        Frame {
            offset_ms: start.offset_ms - (shift - slope * middle_ms) * tempo,
            tempo,
            cents: start.cents + cents,
        }
    }
}

struct Residual {
    at_ms: f64,
    off_ms: f64,
    off_cents: f64,
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;
    use crate::{Descriptor, OFFSET_TOLERANCE, Query, audio::testing::peaks, offset};

    const LENGTH_MS: u32 = 10_000;

    fn work(seed: u64) -> AudioDescriptor {
        AudioDescriptor {
            duration_ms: 60_000,
            peaks: peaks(seed, 60),
            chroma: Vec::new(),
        }
    }

    /// What is heard of a work from `from_ms` on, with each fifth peak lost and as many foreign ones.
    fn heard(work: &AudioDescriptor, from_ms: u32, tempo: f64, pitch: f64) -> AudioQuery {
        let cents = 1_200.0 * pitch.log2();
        let kept = work
            .peaks
            .iter()
            .enumerate()
            .filter(|(place, peak)| peak.at_ms >= from_ms && place % 5 != 0);
        let kept = kept.map(|(_, peak)| Peak {
            at_ms: (f64::from(peak.at_ms - from_ms) / tempo).round() as u32,
            pitch_cents: (f64::from(peak.pitch_cents) + cents).round() as u16,
        });
        let strong: Vec<_> = kept.take_while(|peak| peak.at_ms < LENGTH_MS).collect();
        let mut all = strong.clone();
        all.extend(peaks(99, 10).into_iter().step_by(3));
        all.sort_unstable();
        all.dedup();
        AudioQuery {
            duration_ms: LENGTH_MS,
            peaks: all,
            strong,
        }
    }

    fn votes(query: &AudioQuery, work: &AudioDescriptor, variant: u8, at_ms: i64) -> usize {
        let anchors = Descriptor::Audio(work.clone()).anchors();
        let probes = Query::Audio(query.clone()).probes_of(variant);
        let agree = probes.iter().flat_map(|probe| {
            anchors
                .iter()
                .filter(|anchor| anchor.key == probe.key)
                .map(|anchor| offset(probe, anchor))
        });
        agree
            .filter(|offset| (offset - at_ms).abs() <= OFFSET_TOLERANCE)
            .count()
    }

    #[test]
    fn a_changed_excerpt_is_found_and_accepted_in_its_variant() {
        let work = work(1);
        for (tempo, pitch, variant) in [
            (1.0, 1.0, 0),
            (1.018, 1.018, 3),
            (0.97, 0.97, 6),
            (1.05, 1.05, 9),
            (1.0, 1.043, 13),
            (0.981, 1.0, 16),
        ] {
            let query = heard(&work, 20_000, tempo, pitch);
            assert!(votes(&query, &work, variant, 20_000) >= 3, "{tempo} {pitch}");
            let found = verify(
                &query,
                &work,
                Alignment {
                    offset: 20_030,
                    variant,
                },
            );
            assert!(found.accepted, "{tempo} {pitch}: {found:?}");
            assert!(found.offset_ms.abs_diff(20_000) < 30, "{found:?}");
            assert!((f64::from(found.speed_ppm) / 1e6 - tempo).abs() < 0.003, "{found:?}");
        }
    }

    #[test]
    fn other_works_and_other_places_are_not_accepted() {
        let (work, other) = (work(1), work(2));
        let query = heard(&work, 20_000, 1.0, 1.0);
        for at_ms in (0..50_000).step_by(700).filter(|at_ms| *at_ms != 20_300) {
            let alignment = Alignment {
                offset: at_ms,
                variant: 0,
            };
            assert!(!verify(&query, &other, alignment).accepted, "{at_ms}");
            if !(19_800..20_200).contains(&at_ms) {
                assert!(!verify(&query, &work, alignment).accepted, "{at_ms}");
            }
        }
    }

    #[test]
    fn a_variant_or_a_place_that_does_not_exist_matches_nothing() {
        let work = work(1);
        let query = heard(&work, 20_000, 1.0, 1.0);
        assert_eq!(
            verify(
                &query,
                &work,
                Alignment {
                    offset: 0,
                    variant: u8::MAX
                }
            ),
            Match::NONE
        );
        for offset in [i64::MIN, i64::MAX, -1_000_000, 10_000_000] {
            assert!(!verify(&query, &work, Alignment { offset, variant: 0 }).accepted);
        }
        let nothing = AudioQuery::default();
        assert!(!verify(&nothing, &work, Alignment { offset: 0, variant: 0 }).accepted);
    }

    #[test]
    fn the_first_likely_anchors_of_an_excerpt_are_among_the_works() {
        let work = work(1);
        let query = Query::Audio(heard(&work, 20_000, 1.0, 1.0));
        let anchors = Descriptor::Audio(work).anchors();
        let known = |likely: &&crate::Anchor| anchors.iter().any(|anchor| anchor.key == likely.key);
        assert!(query.anchors().iter().take(6).filter(known).count() >= 2);
    }
}
