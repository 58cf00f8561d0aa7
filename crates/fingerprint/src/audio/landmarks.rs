//! Landmarks: three peaks that follow each other within a second and a half, as one number. A work has thousands; its anchors
//! are those few of each second whose hash is smallest. An excerpt that contains the same peaks contains the same
//! landmarks, and has the same small hashes among its own.

use super::Variant;
use crate::{Anchor, AudioDescriptor, AudioQuery, Kind, Peak, Probe, anchor::key};

/// The time from a landmark's first peak to its last.
const SPAN_MS: f64 = 1_500.0;
/// The least time from one of its peaks to the next.
const STEP_MS: f64 = 100.0;
/// The greatest interval from one of its peaks to the next: two octaves.
const INTERVAL_CENTS: f64 = 2_400.0;
const TIME_QUANTUM_MS: f64 = 32.0;
const PITCH_QUANTUM_CENTS: f64 = 50.0;
/// A value this near to the border of its quantum, as a part of it, is looked up on the other side, too.
const TIME_BORDER: f64 = 0.3;
const PITCH_BORDER: f64 = 0.15;

/// Anchors of each second of a work.
const ANCHORS_PER_SLOT: usize = 4;
const ANCHOR_SLOT_MS: u32 = 1_000;
/// Probes of each half second of an excerpt, in one variant.
const PROBES_PER_SLOT: usize = 28;
const PROBE_SLOT_MS: u32 = 500;

/// A peak in the time and pitch of the work.
#[derive(Clone, Copy)]
struct Point {
    ms: f64,
    cents: f64,
}

/// A landmark's hash: the lower half decides whether it is kept, the upper half is its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Landmark {
    slot: u32,
    rank: u32,
    key: u32,
    at: u32,
}

pub(crate) fn anchors(audio: &AudioDescriptor) -> Vec<Anchor> {
    let points: Vec<_> = audio.peaks.iter().map(|peak| point(peak, 1.0, 0.0)).collect();
    let kept = smallest(landmarks(&points, Exactness::Exact, ANCHOR_SLOT_MS), ANCHORS_PER_SLOT);
    kept.iter()
        .map(|landmark| Anchor {
            key: landmark.key,
            at: landmark.at,
        })
        .collect()
}

pub(crate) fn probes(query: &AudioQuery, variant: u8) -> Vec<Probe> {
    let Some(change) = Variant::of(variant) else {
        return Vec::new();
    };
    let tempo = f64::from(change.tempo_ppm) / 1e6;
    let cents = 1_200.0 * libm::log2(f64::from(change.pitch_ppm) / 1e6);
    let points: Vec<_> = query.peaks.iter().map(|peak| point(peak, tempo, cents)).collect();
    let kept = smallest(landmarks(&points, Exactness::Borders, PROBE_SLOT_MS), PROBES_PER_SLOT);
    kept.iter()
        .map(|landmark| Probe {
            variant,
            key: landmark.key,
            at: landmark.at,
        })
        .collect()
}

fn point(peak: &Peak, tempo: f64, cents: f64) -> Point {
    Point {
        ms: f64::from(peak.at_ms) * tempo,
        cents: f64::from(peak.pitch_cents) - cents,
    }
}

/// Those with the smallest hash of each slot.
fn smallest(mut landmarks: Vec<Landmark>, per_slot: usize) -> Vec<Landmark> {
    landmarks.sort_unstable();
    landmarks.dedup_by_key(|landmark| (landmark.slot, landmark.rank, landmark.key));
    let mut count = 0;
    let mut slot = None;
    landmarks.retain(|landmark| {
        count = if slot == Some(landmark.slot) { count + 1 } else { 1 };
        slot = Some(landmark.slot);
        count <= per_slot
    });
    landmarks
}

#[derive(Clone, Copy, PartialEq)]
enum Exactness {
    Exact,
    /// With the neighbours of values near a border.
    Borders,
}

fn landmarks(points: &[Point], exactness: Exactness, slot_ms: u32) -> Vec<Landmark> {
    let (time_border, pitch_border) = match exactness {
        Exactness::Exact => (0.0, 0.0),
        Exactness::Borders => (TIME_BORDER, PITCH_BORDER),
    };
    let mut all = Vec::new();
    for (index, first) in points.iter().enumerate() {
        let pitches = quanta(first.cents, PITCH_QUANTUM_CENTS, pitch_border);
        let at = libm::round(first.ms.max(0.0)) as u32;
        for (middle_index, middle) in points.iter().enumerate().skip(index + 1) {
            if middle.ms - first.ms > SPAN_MS {
                break;
            }
            let Some(first_step) = step(first, middle) else {
                continue;
            };
            let middles = steps(first_step, time_border, pitch_border);
            for last in &points[middle_index + 1..] {
                if last.ms - first.ms > SPAN_MS {
                    break;
                }
                let Some(second_step) = step(middle, last) else {
                    continue;
                };
                let lasts = steps(second_step, time_border, pitch_border);
                for pitch in pitches.iter() {
                    for one in middles.iter() {
                        for two in lasts.iter() {
                            let hash = mix(((*pitch as u64 & 0xffff) << 48) ^ one << 24 ^ two);
                            all.push(Landmark {
                                slot: at / slot_ms,
                                rank: hash as u32,
                                key: key(Kind::Audio, (hash >> 32) as u32),
                                at,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

/// Time and interval from one peak to the next, if they are of one landmark.
fn step(from: &Point, to: &Point) -> Option<(f64, f64)> {
    let (ms, cents) = (to.ms - from.ms, to.cents - from.cents);
    (ms >= STEP_MS && cents.abs() <= INTERVAL_CENTS).then_some((ms, cents))
}

/// The one or two quanta of a value.
#[derive(Clone, Copy)]
struct Few<T> {
    items: [T; 4],
    count: usize,
}

impl<T: Copy> Few<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.items[..self.count].iter()
    }
}

fn quanta(value: f64, quantum: f64, border: f64) -> Few<i32> {
    let scaled = value / quantum;
    let nearest = libm::round(scaled);
    let rest = scaled - nearest;
    let other = nearest + if rest < 0.0 { -1.0 } else { 1.0 };
    let count = if rest.abs() > 0.5 - border { 2 } else { 1 };
    Few {
        items: [nearest as i32, other as i32, 0, 0],
        count,
    }
}

fn steps((ms, cents): (f64, f64), time_border: f64, pitch_border: f64) -> Few<u64> {
    let (times, pitches) = (
        quanta(ms, TIME_QUANTUM_MS, time_border),
        quanta(cents, PITCH_QUANTUM_CENTS, pitch_border),
    );
    let mut few = Few {
        items: [0; 4],
        count: 0,
    };
    for time in times.iter() {
        for pitch in pitches.iter() {
            few.items[few.count] = (*time as u64 & 0xff) << 16 | (*pitch as u64 & 0xffff);
            few.count += 1;
        }
    }
    few
}

/// A bijection that spreads its input over all bits.
const fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
