//! Landmarks: three peaks that follow each other within a second and a half, as one number. A work has thousands; its anchors
//! are those few of each second that rank first. An excerpt that contains the same peaks contains the same landmarks, and
//! ranks them alike.
//!
//! A landmark is two steps. Steps have classes, a quarter of them the first, and a landmark ranks by the worse class of its
//! two before its hash: so who looks for the first ones of a dense passage need not make the others.

use core::ops::Range;

use super::{Variant, nearest_i32};
use crate::{Anchor, AudioDescriptor, AudioQuery, Kind, Peak, Probe, anchor::key};

/// Times and pitches are counted in parts of a millisecond and of a cent: a scaled excerpt keeps its places between whole
/// numbers, and all that follows is whole numbers.
const PARTS: i32 = 16;
/// The time from a landmark's first peak to its last.
const SPAN: i32 = 1_500 * PARTS;
/// The least time from one of its peaks to the next.
const LEAST_TIME: i32 = 100 * PARTS;
/// The greatest interval from one of its peaks to the next: two octaves.
const GREATEST_INTERVAL: i32 = 2_400 * PARTS;
const TIME_QUANTUM: i32 = 32 * PARTS;
const PITCH_QUANTUM: i32 = 50 * PARTS;
/// A time this near to the border of its quantum (0.3 of it) is looked up on the other side, too; so is a pitch (0.15).
const TIME_BORDER: i32 = TIME_QUANTUM * 3 / 10;
const PITCH_BORDER: i32 = PITCH_QUANTUM * 3 / 20;

/// Classes of steps: a quarter, a quarter and the other half of all.
const CLASSES: usize = 3;

/// Anchors of each second of a work.
const ANCHORS_PER_SLOT: usize = 4;
const ANCHOR_SLOT_MS: u32 = 1_000;
/// Probes of each half second of an excerpt, in one variant.
const PROBES_PER_SLOT: usize = 28;
const PROBE_SLOT_MS: u32 = 500;

/// A peak in the time and pitch of the work, in [`PARTS`].
#[derive(Clone, Copy)]
struct Point {
    time: i32,
    pitch: i32,
}

impl Point {
    fn of(peak: &Peak, tempo: f64, cents: f64) -> Self {
        let parts = f64::from(PARTS);
        Self {
            time: nearest_i32(f64::from(peak.at_ms) * tempo * parts),
            pitch: nearest_i32((f64::from(peak.pitch_cents) - cents) * parts),
        }
    }

    /// The nearest millisecond.
    const fn at(self) -> u32 {
        (self.time + PARTS / 2).div_euclid(PARTS).unsigned_abs()
    }
}

/// A landmark that is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Landmark {
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

/// The anchors that an excerpt would have as a work. The better the rank, the likelier the work has it, too, wherever
/// its seconds begin: those come first.
pub(crate) fn likely_anchors(query: &AudioQuery) -> Vec<Anchor> {
    let mut kept = exact(&query.strong);
    kept.sort_unstable_by_key(|landmark| (landmark.rank, landmark.at, landmark.key));
    kept.iter().map(Landmark::anchor).collect()
}

fn exact(peaks: &[Peak]) -> Vec<Landmark> {
    let points: Vec<_> = peaks.iter().map(|peak| Point::of(peak, 1.0, 0.0)).collect();
    landmarks(&points, Borders::NONE, ANCHOR_SLOT_MS, ANCHORS_PER_SLOT)
}

pub(crate) fn probes(query: &AudioQuery, variant: u8) -> Vec<Probe> {
    let Some(change) = Variant::of(variant) else {
        return Vec::new();
    };
    let tempo = f64::from(change.tempo_ppm) / 1e6;
    let cents = 1_200.0 * libm::log2(f64::from(change.pitch_ppm) / 1e6);
    let points: Vec<_> = query.peaks.iter().map(|peak| Point::of(peak, tempo, cents)).collect();
    let kept = landmarks(&points, Borders::BOTH_SIDES, PROBE_SLOT_MS, PROBES_PER_SLOT);
    kept.iter()
        .map(|landmark| Probe {
            variant,
            key: landmark.key,
            at: landmark.at,
        })
        .collect()
}

/// How near to a border a value counts on both sides.
#[derive(Clone, Copy)]
struct Borders {
    time: i32,
    pitch: i32,
}

impl Borders {
    const NONE: Self = Self { time: 0, pitch: 0 };
    const BOTH_SIDES: Self = Self {
        time: TIME_BORDER,
        pitch: PITCH_BORDER,
    };
}

/// The quanta that a value may have.
const fn quanta<const QUANTUM: i32>(value: i32, border: i32) -> Range<i32> {
    let shifted = value + QUANTUM / 2;
    let (nearest, rest) = (shifted.div_euclid(QUANTUM), shifted.rem_euclid(QUANTUM));
    nearest - (rest < border) as i32..nearest + 1 + (rest >= QUANTUM - border) as i32
}

/// A step from a peak to a later one, in one pair of quanta that it may have.
#[derive(Clone, Copy)]
struct Step {
    /// The later peak, and its time.
    to: u32,
    until: i32,
    code: u32,
}

/// All steps between points: of each class, those from one point after those from the one before.
struct Steps {
    by_class: [Vec<Step>; CLASSES],
    /// For each point and class, where its steps begin; one point more, for the end of the last.
    starts: Vec<[u32; CLASSES]>,
}

impl Steps {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a descriptor has less than 2^20 peaks, each a few steps"
    )]
    fn between(points: &[Point], borders: Borders) -> Self {
        let mut steps = Self {
            by_class: [const { Vec::new() }; CLASSES],
            starts: Vec::with_capacity(points.len() + 1),
        };
        for (place, from) in points.iter().enumerate() {
            steps.starts.push(steps.ends());
            for (to, point) in (place as u32 + 1..).zip(&points[place + 1..]) {
                let (time, interval) = (point.time - from.time, point.pitch - from.pitch);
                if time > SPAN {
                    break;
                }
                if time >= LEAST_TIME && interval.abs() <= GREATEST_INTERVAL {
                    steps.add(to, point.time, (time, interval), borders);
                }
            }
        }
        steps.starts.push(steps.ends());
        steps
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are less than 2^32 steps")]
    fn ends(&self) -> [u32; CLASSES] {
        core::array::from_fn(|class| self.by_class[class].len() as u32)
    }

    fn add(&mut self, to: u32, until: i32, (time, interval): (i32, i32), borders: Borders) {
        let intervals = quanta::<PITCH_QUANTUM>(interval, borders.pitch);
        for time in quanta::<TIME_QUANTUM>(time, borders.time) {
            for interval in intervals.clone() {
                let code = time.cast_unsigned() << 16 | interval.cast_unsigned() & 0xffff;
                self.by_class[class_of(code)].push(Step { to, until, code });
            }
        }
    }

    fn of(&self, from: usize, class: usize) -> &[Step] {
        let range = self.starts[from][class] as usize..self.starts[from + 1][class] as usize;
        &self.by_class[class][range]
    }
}

/// The class of a step, from 0.
const fn class_of(code: u32) -> usize {
    let zeros = mix(code as u64).trailing_zeros() as usize;
    (CLASSES - 1).saturating_sub(zeros)
}

/// The landmarks that rank first of each slot: ascending by slot, then by rank.
fn landmarks(points: &[Point], borders: Borders, slot_ms: u32, per_slot: usize) -> Vec<Landmark> {
    let steps = Steps::between(points, borders);
    let mut kept = Vec::new();
    let mut first = 0;
    for slot in points.chunk_by(|a, b| a.at() / slot_ms == b.at() / slot_ms) {
        let slot = first..first + slot.len();
        first = slot.end;
        let mut best = Best::new(per_slot);
        for class in 0..CLASSES {
            for first in slot.clone() {
                offer_class(points, &steps, borders, first, class, &mut best);
            }
            // Landmarks of the next class would rank behind all of these.
            if best.is_full() {
                break;
            }
        }
        kept.append(&mut best.finish());
    }
    kept
}

/// Offers all landmarks whose first peak is `first` and whose worse step is of `class`.
fn offer_class(points: &[Point], steps: &Steps, borders: Borders, first: usize, class: usize, best: &mut Best) {
    let point = points[first];
    let (at, latest) = (point.at(), point.time + SPAN);
    let pitches = quanta::<PITCH_QUANTUM>(point.pitch, borders.pitch);
    for one_class in 0..=class {
        for one in steps.of(first, one_class) {
            for two_class in if one_class == class { 0 } else { class }..=class {
                let near = steps.of(one.to as usize, two_class);
                for two in near.iter().take_while(|two| two.until <= latest) {
                    for pitch in pitches.clone() {
                        best.offer(at, class, hash_of(pitch, one.code, two.code));
                    }
                }
            }
        }
    }
}

const fn hash_of(pitch: i32, one: u32, two: u32) -> u64 {
    mix((pitch as u64 & 0xffff) << 48 ^ (one as u64) << 24 ^ two as u64)
}

/// Keeps the landmarks of one slot that rank first. There may be thousands, nearly all of which are refused at one glance.
struct Best {
    count: usize,
    /// Often more than are kept.
    landmarks: Vec<Landmark>,
    /// The last rank that may still be kept.
    limit: u32,
}

impl Best {
    const fn new(count: usize) -> Self {
        Self {
            count,
            landmarks: Vec::new(),
            limit: u32::MAX,
        }
    }

    /// The lower half of the hash ranks within the class, the upper half is the key.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hash is cut in two, and there are three classes"
    )]
    fn offer(&mut self, at: u32, class: usize, hash: u64) {
        let rank = (class as u32) << 30 | hash as u32 >> 2;
        if rank > self.limit {
            return;
        }
        let key = key(Kind::Audio, (hash >> 32) as u32);
        self.landmarks.push(Landmark { rank, key, at });
        if self.landmarks.len() >= 8 * self.count {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.landmarks.sort_unstable();
        self.landmarks.dedup_by_key(|landmark| (landmark.rank, landmark.key));
        self.landmarks.truncate(self.count);
        if let Some(last) = self.landmarks.get(self.count - 1) {
            self.limit = last.rank;
        }
    }

    fn is_full(&mut self) -> bool {
        self.shrink();
        self.landmarks.len() == self.count
    }

    fn finish(mut self) -> Vec<Landmark> {
        self.shrink();
        self.landmarks
    }
}

/// A bijection that spreads its input over all bits.
const fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
