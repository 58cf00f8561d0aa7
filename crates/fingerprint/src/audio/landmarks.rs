//! Landmarks: three peaks that follow each other within a second and a half, as one number. A work has thousands; its anchors
//! are those few of each second whose hash is smallest. An excerpt that contains the same peaks contains the same
//! landmarks, and has the same small hashes among its own.

use super::{Variant, nearest_i64, nearest_u32};
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

impl Landmark {
    const fn anchor(&self) -> Anchor {
        Anchor {
            key: self.key,
            at: self.at,
        }
    }
}

pub(crate) fn anchors(audio: &AudioDescriptor) -> Vec<Anchor> {
    exact(&audio.peaks).iter().map(Landmark::anchor).collect()
}

/// The anchors that an excerpt would have as a work. The smaller the hash, the likelier the work has it, too, wherever
/// its seconds begin: those come first.
pub(crate) fn likely_anchors(query: &AudioQuery) -> Vec<Anchor> {
    let mut kept = exact(&query.strong);
    kept.sort_unstable_by_key(|landmark| (landmark.rank, landmark.at, landmark.key));
    kept.iter().map(Landmark::anchor).collect()
}

fn exact(peaks: &[Peak]) -> Vec<Landmark> {
    let points: Vec<_> = peaks.iter().map(|peak| point(peak, 1.0, 0.0)).collect();
    landmarks(
        &points,
        Exactness::Exact,
        Smallest::new(ANCHOR_SLOT_MS, ANCHORS_PER_SLOT),
    )
}

pub(crate) fn probes(query: &AudioQuery, variant: u8) -> Vec<Probe> {
    let Some(change) = Variant::of(variant) else {
        return Vec::new();
    };
    let tempo = f64::from(change.tempo_ppm) / 1e6;
    let cents = 1_200.0 * libm::log2(f64::from(change.pitch_ppm) / 1e6);
    let points: Vec<_> = query.peaks.iter().map(|peak| point(peak, tempo, cents)).collect();
    let kept = landmarks(
        &points,
        Exactness::Borders,
        Smallest::new(PROBE_SLOT_MS, PROBES_PER_SLOT),
    );
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

/// Keeps the landmarks with the smallest hashes of each slot. There are thousands in a second, nearly all of which are
/// refused at one glance.
struct Smallest {
    slot_ms: u32,
    per_slot: usize,
    /// Of the slots before.
    done: Vec<Landmark>,
    /// Of the slot that is being filled; often more than are kept.
    current: Vec<Landmark>,
    /// The greatest hash that may still be kept.
    limit: u32,
}

impl Smallest {
    const fn new(slot_ms: u32, per_slot: usize) -> Self {
        Self {
            slot_ms,
            per_slot,
            done: Vec::new(),
            current: Vec::new(),
            limit: u32::MAX,
        }
    }

    /// Landmarks come ascending by time.
    #[expect(clippy::cast_possible_truncation, reason = "the hash is cut in two")]
    fn offer(&mut self, at: u32, hash: u64) {
        let rank = hash as u32;
        let slot = at / self.slot_ms;
        if self.current.first().is_some_and(|first| first.slot != slot) {
            self.end_slot();
        }
        if rank > self.limit {
            return;
        }
        self.current.push(Landmark {
            slot,
            rank,
            key: key(Kind::Audio, (hash >> 32) as u32),
            at,
        });
        if self.current.len() >= 8 * self.per_slot {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.current.sort_unstable();
        self.current.dedup_by_key(|landmark| (landmark.rank, landmark.key));
        self.current.truncate(self.per_slot);
        if self.current.len() == self.per_slot {
            self.limit = self.current.last().map_or(u32::MAX, |last| last.rank);
        }
    }

    fn end_slot(&mut self) {
        self.shrink();
        self.done.append(&mut self.current);
        self.limit = u32::MAX;
    }

    fn finish(mut self) -> Vec<Landmark> {
        self.end_slot();
        self.done
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Exactness {
    Exact,
    /// With the neighbours of values near a border.
    Borders,
}

/// A step from one peak to a later one, as the quanta it may have.
struct Step {
    /// The later peak.
    to: usize,
    quanta: Few<u64>,
}

fn landmarks(points: &[Point], exactness: Exactness, mut smallest: Smallest) -> Vec<Landmark> {
    let (time_border, pitch_border) = match exactness {
        Exactness::Exact => (0.0, 0.0),
        Exactness::Borders => (TIME_BORDER, PITCH_BORDER),
    };
    // Every step is part of as many landmarks as there are peaks before it.
    let steps: Vec<Vec<Step>> = points
        .iter()
        .enumerate()
        .map(|(index, from)| steps_from(from, points, index + 1, time_border, pitch_border))
        .collect();
    for (first, first_steps) in points.iter().zip(&steps) {
        let pitches = quanta(first.cents, PITCH_QUANTUM_CENTS, pitch_border);
        let at = nearest_u32(first.ms);
        for one in first_steps {
            for two in &steps[one.to] {
                if points[two.to].ms - first.ms > SPAN_MS {
                    break;
                }
                for pitch in pitches.iter() {
                    let pitch = (*pitch as u64 & 0xffff) << 48;
                    for one in one.quanta.iter() {
                        for two in two.quanta.iter() {
                            smallest.offer(at, mix(pitch ^ one << 24 ^ two));
                        }
                    }
                }
            }
        }
    }
    smallest.finish()
}

/// The steps from a peak to those after it, ascending by time.
fn steps_from(from: &Point, points: &[Point], next: usize, time_border: f64, pitch_border: f64) -> Vec<Step> {
    let later = points.iter().enumerate().skip(next);
    later
        .take_while(|(_, to)| to.ms - from.ms <= SPAN_MS)
        .filter_map(|(place, to)| {
            Some(Step {
                to: place,
                quanta: steps(step(from, to)?, time_border, pitch_border),
            })
        })
        .collect()
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

fn quanta(value: f64, quantum: f64, border: f64) -> Few<i64> {
    let scaled = value / quantum;
    let nearest = nearest_i64(scaled);
    let rest = scaled - nearest as f64;
    let other = nearest + if rest < 0.0 { -1 } else { 1 };
    let count = if rest.abs() > 0.5 - border { 2 } else { 1 };
    Few {
        items: [nearest, other, 0, 0],
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
