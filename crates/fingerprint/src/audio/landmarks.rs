//! Landmarks: three peaks that follow each other within a second and a half, as one number. A work has thousands; its anchors
//! are those few of each second that rank first. An excerpt that contains the same peaks contains the same landmarks, and
//! ranks them alike.
//!
//! A landmark is two steps. Steps have classes, a quarter of them the first, and a landmark ranks by the worse class of its
//! two before its hash: so who looks for the first ones of a dense passage need not make the others.

use core::ops::Range;
use std::collections::BTreeMap;

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

/// A peak in the time of the work, in [`PARTS`].
#[derive(Clone, Copy)]
struct Point {
    time: i32,
    pitch: i32,
}

impl Point {
    fn of(peak: &Peak, tempo: f64) -> Self {
        Self {
            time: nearest_i32(f64::from(peak.at_ms) * tempo * f64::from(PARTS)),
            pitch: i32::from(peak.pitch_cents) * PARTS,
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
    let points = peaks.iter().map(|peak| Point::of(peak, 1.0)).collect();
    let mut steps = Steps::new(points, Borders::NONE);
    landmarks(&mut steps, 0, ANCHOR_SLOT_MS, ANCHORS_PER_SLOT)
}

/// Probes of some variants, without repeats. Those of one tempo differ in the pitch of the first peak alone, and are made
/// from the same steps.
pub(crate) fn probes(query: &AudioQuery, variants: impl Iterator<Item = u8>) -> Vec<Probe> {
    let mut by_tempo = BTreeMap::<u32, Vec<(u8, u32)>>::new();
    for variant in variants {
        if let Some(change) = Variant::of(variant) {
            let same_tempo = by_tempo.entry(change.tempo_ppm).or_default();
            same_tempo.push((variant, change.pitch_ppm));
        }
    }
    let mut probes = Vec::new();
    for (tempo_ppm, variants) in by_tempo {
        let tempo = f64::from(tempo_ppm) / 1e6;
        let points = query.peaks.iter().map(|peak| Point::of(peak, tempo)).collect();
        let mut steps = Steps::new(points, Borders::BOTH_SIDES);
        for (variant, pitch_ppm) in variants {
            let kept = landmarks(&mut steps, lowered(pitch_ppm), PROBE_SLOT_MS, PROBES_PER_SLOT);
            probes.extend(kept.iter().map(|landmark| Probe {
                variant,
                key: landmark.key,
                at: landmark.at,
            }));
        }
    }
    probes
}

/// By how much an excerpt is lowered to the pitch of the work, in [`PARTS`].
fn lowered(pitch_ppm: u32) -> i32 {
    nearest_i32(1_200.0 * libm::log2(f64::from(pitch_ppm) / 1e6) * f64::from(PARTS))
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
    let [(nearest, _), (other, _)] = both_quanta::<QUANTUM>(value, border);
    if other < nearest {
        other..nearest + 1
    } else {
        nearest..other + 1
    }
}

/// The quantum of a value, and the one over the border, if it may have that.
const fn both_quanta<const QUANTUM: i32>(value: i32, border: i32) -> [(i32, bool); 2] {
    let shifted = value + QUANTUM / 2;
    let (nearest, rest) = (shifted.div_euclid(QUANTUM), shifted.rem_euclid(QUANTUM));
    let other = nearest - (rest < border) as i32 + (rest >= QUANTUM - border) as i32;
    [(nearest, true), (other, other != nearest)]
}

/// A step from a peak to a later one, in one pair of quanta that it may have.
#[derive(Clone, Copy, Default)]
struct Step {
    /// The later peak, and its time.
    to: u32,
    until: i32,
    code: u32,
}

/// Steps of one class between points: those from one point after those from the one before.
struct ClassSteps {
    steps: Vec<Step>,
    /// For each point, where its steps begin; one more, for the end of the last.
    starts: Vec<u32>,
}

impl ClassSteps {
    /// Which steps are of the class is as good as random: all are written, and the next one over those that are not.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a descriptor has less than 2^20 peaks, each a few steps"
    )]
    fn between(points: &[Point], borders: Borders, class: usize) -> Self {
        let mut steps = Vec::<Step>::new();
        let mut count = 0;
        let mut starts = Vec::with_capacity(points.len() + 1);
        starts.push(0);
        for (place, from) in points.iter().enumerate() {
            for (to, point) in (place as u32 + 1..).zip(&points[place + 1..]) {
                let (time, interval) = (point.time - from.time, point.pitch - from.pitch);
                if time > SPAN {
                    break;
                }
                let is_step = (time >= LEAST_TIME) & (interval.abs() <= GREATEST_INTERVAL);
                let times = both_quanta::<TIME_QUANTUM>(time, borders.time);
                let intervals = both_quanta::<PITCH_QUANTUM>(interval, borders.pitch);
                if steps.len() < count + 4 {
                    steps.resize(2 * count + 64, Step::default());
                }
                for (time, has_time) in times {
                    for (interval, has_interval) in intervals {
                        steps[count] = Step {
                            to,
                            until: point.time,
                            code: code(time, interval),
                        };
                        let of_class = class_of(time, interval) == class;
                        count += usize::from(is_step & has_time & has_interval & of_class);
                    }
                }
            }
            starts.push(count as u32);
        }
        steps.truncate(count);
        Self { steps, starts }
    }

    fn from(&self, place: usize) -> &[Step] {
        &self.steps[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// Points and the steps between them. Steps of the later classes are seldom asked for, and then made.
struct Steps {
    points: Vec<Point>,
    borders: Borders,
    by_class: Vec<ClassSteps>,
}

impl Steps {
    const fn new(points: Vec<Point>, borders: Borders) -> Self {
        Self {
            points,
            borders,
            by_class: Vec::new(),
        }
    }

    /// Makes the steps of all classes up to this one.
    fn make(&mut self, class: usize) {
        for class in self.by_class.len()..=class {
            let steps = ClassSteps::between(&self.points, self.borders, class);
            self.by_class.push(steps);
        }
    }

    /// Pairs of classes, of a first and a second step, the worse of which is `class`.
    fn pairs(&self, class: usize) -> impl Iterator<Item = (&ClassSteps, &ClassSteps)> {
        let better = (0..class).map(move |one| (one, class));
        let pairs = better.chain((0..=class).map(move |two| (class, two)));
        pairs.map(|(one, two)| (&self.by_class[one], &self.by_class[two]))
    }

    /// No fewer landmarks than begin at these points and are of `class`, but for their pitches at a border.
    fn count(&self, firsts: Range<usize>, class: usize) -> usize {
        let pairs = self.pairs(class).map(|(one, two)| {
            let ones = firsts.clone().flat_map(|first| one.from(first));
            ones.map(|step| two.from(step.to as usize).len()).sum::<usize>()
        });
        pairs.sum()
    }

    /// Offers all landmarks that begin at these points, lowered in pitch, and are of `class`.
    fn offer(&self, firsts: Range<usize>, class: usize, lowered: i32, best: &mut Best) {
        for first in firsts {
            let point = self.points[first];
            let (at, latest) = (point.at(), point.time + SPAN);
            for pitch in quanta::<PITCH_QUANTUM>(point.pitch - lowered, self.borders.pitch) {
                for (one, two) in self.pairs(class) {
                    for step in one.from(first) {
                        let near = two.from(step.to as usize).iter();
                        for next in near.take_while(|next| next.until <= latest) {
                            best.offer(at, class, hash_of(pitch, step.code, next.code));
                        }
                    }
                }
            }
        }
    }
}

const fn code(time: i32, interval: i32) -> u32 {
    time.cast_unsigned() << 16 | interval.cast_unsigned() & 0xffff
}

/// More quanta than a step's time has, and than its interval has to either side; powers of two.
const TIMES: i32 = 64;
const INTERVALS: i32 = 64;
const _: () = assert!(SPAN / TIME_QUANTUM + 2 < TIMES && GREATEST_INTERVAL / PITCH_QUANTUM + 2 < INTERVALS);

/// The class of each step, by its time and interval.
static CLASS_OF: [[u8; 2 * INTERVALS as usize]; TIMES as usize] = {
    let mut classes = [[0; 2 * INTERVALS as usize]; TIMES as usize];
    let mut time = 0;
    while time < TIMES {
        let mut interval = -INTERVALS;
        while interval < INTERVALS {
            classes[time as usize][(interval + INTERVALS) as usize] = class_of_code(code(time, interval));
            interval += 1;
        }
        time += 1;
    }
    classes
};

#[expect(clippy::cast_possible_truncation, reason = "there are three classes")]
const fn class_of_code(code: u32) -> u8 {
    let zeros = mix(code as u64).trailing_zeros() as usize;
    (CLASSES - 1).saturating_sub(zeros) as u8
}

/// The class of a step, from 0; any of what is none.
const fn class_of(time: i32, interval: i32) -> usize {
    let (time, interval) = (time & (TIMES - 1), (interval + INTERVALS) & (2 * INTERVALS - 1));
    CLASS_OF[time as usize][interval as usize] as usize
}

/// The landmarks that rank first of each slot: ascending by slot, then by rank. Points are lowered in pitch.
fn landmarks(steps: &mut Steps, lowered: i32, slot_ms: u32, per_slot: usize) -> Vec<Landmark> {
    let mut kept = Vec::new();
    let mut next = 0;
    while let Some(point) = steps.points.get(next) {
        let slot = point.at() / slot_ms;
        let length = steps.points[next..]
            .iter()
            .take_while(|point| point.at() / slot_ms == slot);
        let firsts = next..next + length.count();
        next = firsts.end;
        let mut best = Best::new(per_slot);
        for class in 0..CLASSES {
            steps.make(class);
            best.expect(class, steps.count(firsts.clone(), class));
            steps.offer(firsts.clone(), class, lowered, &mut best);
            if best.expected_too_many() {
                steps.offer(firsts.clone(), class, lowered, &mut best);
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
    /// Whether the limit is only expected to be far enough.
    guessed: bool,
}

/// Of what is offered, so many times the landmarks that are kept are expected to be within the first limit.
const SPARE: usize = 4;
/// Bits of a rank below the class.
const RANK_BITS: u32 = 30;

impl Best {
    const fn new(count: usize) -> Self {
        Self {
            count,
            landmarks: Vec::new(),
            limit: u32::MAX,
            guessed: false,
        }
    }

    /// Landmarks of a class will be offered, about so many: most need not be looked at twice.
    #[expect(clippy::cast_possible_truncation, reason = "only limits within the class are set")]
    fn expect(&mut self, class: usize, candidates: usize) {
        let within = ((SPARE * self.count) as u64) << RANK_BITS;
        let within = within.checked_div(candidates as u64);
        if let Some(within) = within.filter(|within| within >> RANK_BITS == 0) {
            self.limit = (class as u32) << RANK_BITS | within as u32;
            self.guessed = true;
        }
    }

    /// Whether all have to be offered again, because too few were within what was expected.
    fn expected_too_many(&mut self) -> bool {
        let again = self.guessed && !self.is_full();
        self.guessed = false;
        if again {
            self.limit = u32::MAX;
        }
        again
    }

    /// The lower half of the hash ranks within the class, the upper half is the key.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hash is cut in two, and there are three classes"
    )]
    fn offer(&mut self, at: u32, class: usize, hash: u64) {
        let rank = (class as u32) << RANK_BITS | hash as u32 >> (u32::BITS - RANK_BITS);
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

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;
    use crate::audio::testing::peaks;

    /// As [`landmarks`], by making and sorting all of a slot.
    fn sorted(points: &[Point], borders: Borders, lowered: i32, slot_ms: u32, per_slot: usize) -> Vec<Landmark> {
        let mut all = Vec::new();
        for (place, first) in points.iter().enumerate() {
            for pitch in quanta::<PITCH_QUANTUM>(first.pitch - lowered, borders.pitch) {
                for (second, one) in codes_from(points, place, borders) {
                    for (third, two) in codes_from(points, second, borders) {
                        if points[third].time - first.time <= SPAN {
                            all.push((
                                first.at() / slot_ms,
                                landmark(first.at(), hash_of(pitch, one, two), one, two),
                            ));
                        }
                    }
                }
            }
        }
        all.sort_unstable();
        all.dedup_by_key(|(slot, landmark)| (*slot, landmark.rank, landmark.key));
        let slots = all.chunk_by(|(a, _), (b, _)| a == b);
        let kept = slots.flat_map(|slot| slot.iter().take(per_slot).map(|(_, landmark)| *landmark));
        kept.collect()
    }

    fn codes_from(points: &[Point], place: usize, borders: Borders) -> Vec<(usize, u32)> {
        let mut codes = Vec::new();
        for later in place + 1..points.len() {
            let time = points[later].time - points[place].time;
            let interval = points[later].pitch - points[place].pitch;
            if (LEAST_TIME..=SPAN).contains(&time) && interval.abs() <= GREATEST_INTERVAL {
                for time in quanta::<TIME_QUANTUM>(time, borders.time) {
                    for interval in quanta::<PITCH_QUANTUM>(interval, borders.pitch) {
                        codes.push((later, (time as u32) << 16 | (interval as u32 & 0xffff)));
                    }
                }
            }
        }
        codes
    }

    fn landmark(at: u32, hash: u64, one: u32, two: u32) -> Landmark {
        let class = |code: u32| 2_u32.saturating_sub(mix(u64::from(code)).trailing_zeros());
        Landmark {
            rank: class(one).max(class(two)) << 30 | hash as u32 >> 2,
            key: key(Kind::Audio, (hash >> 32) as u32),
            at,
        }
    }

    #[test]
    fn the_landmarks_that_rank_first_are_kept_however_many_there_are() {
        for (seed, every) in [(1, 1), (2, 1), (3, 2), (4, 4), (5, 7)] {
            // Twice over, so that landmarks come again; sparse ones have to be taken from every class.
            let once = peaks(seed, 10).into_iter().step_by(every);
            let again = once.clone().map(|peak| Peak {
                at_ms: peak.at_ms + 300,
                ..peak
            });
            let mut all: Vec<_> = once.chain(again).collect();
            all.sort_unstable();
            for (tempo, lowered) in [(1.0, 0), (1.04, 1_086), (0.97, -844)] {
                let points: Vec<_> = all.iter().map(|peak| Point::of(peak, tempo)).collect();
                for (borders, slot_ms, per_slot) in [
                    (Borders::NONE, ANCHOR_SLOT_MS, ANCHORS_PER_SLOT),
                    (Borders::BOTH_SIDES, PROBE_SLOT_MS, PROBES_PER_SLOT),
                ] {
                    let expected = sorted(&points, borders, lowered, slot_ms, per_slot);
                    let kept = landmarks(&mut Steps::new(points.clone(), borders), lowered, slot_ms, per_slot);
                    assert!(kept == expected, "{seed}, {every}, {tempo}, {slot_ms}");
                }
            }
        }
    }

    #[test]
    fn variants_that_share_steps_have_the_probes_they_have_alone() {
        let query = AudioQuery {
            duration_ms: 10_000,
            peaks: peaks(6, 10),
            strong: Vec::new(),
        };
        let variants = 0..super::super::VARIANTS;
        let mut together = probes(&query, variants.clone());
        together.sort_unstable();
        let alone = variants.flat_map(|variant| {
            let mut probes = probes(&query, core::iter::once(variant));
            probes.sort_unstable();
            probes
        });
        assert!(together == alone.collect::<Vec<_>>());
    }
}
