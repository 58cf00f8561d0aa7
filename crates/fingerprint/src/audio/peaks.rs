//! Where the spectrogram stands out: local maxima in time and frequency, with the strength by which they stand out.

use std::collections::VecDeque;

use super::{
    LOWEST_HZ, SAMPLE_RATE, nearest_u32,
    spectrum::{FRAME, HOP},
};

const HIGHEST_HZ: f64 = 4_800.0;
/// Frames to either side that a peak is the loudest of.
const REACH_FRAMES: usize = 5;
/// Cents, and at least bins, to either side that it is the loudest of.
const REACH_CENTS: f64 = 60.0;
const MIN_REACH_BINS: usize = 3;
/// Frames to either side that its surroundings are averaged over.
const AROUND_FRAMES: usize = 21;

/// Frames before a peak that its rise is measured from.
const RISE_FRAMES: (usize, usize) = (4, 8);
const MAX_RISE_DB: f64 = 30.0;
/// How much the surroundings and the rise count in a peak's strength. Less of the surroundings keeps what is loud,
/// which noise does not cover; more keeps what an equaliser does not change.
const AROUND_WEIGHT: f64 = 0.3;
const RISE_WEIGHT: f64 = 0.5;
/// A peak is at most this far below the loudest of its time, and never below that of silence.
const RANGE_DB: f64 = 60.0;
const SILENCE_DB: f64 = -85.0;

/// A peak with what it is chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) at_ms: u32,
    pub(crate) pitch_cents: u16,
    /// In decibels; only comparable within a sound.
    pub(crate) strength: f64,
}

#[derive(Clone)]
/// Finds the peaks of a stream of frames; each is known [`AROUND_FRAMES`] later.
pub(crate) struct Picker {
    rows: VecDeque<Vec<f64>>,
    sums: Vec<f64>,
    /// Number of the frame that is looked at next.
    next: usize,
    /// Number of the first of `rows`.
    first: usize,
    reach_bins: Vec<usize>,
}

#[expect(clippy::cast_possible_truncation, reason = "a bin of the spectrum")]
const fn lowest_bin() -> usize {
    (LOWEST_HZ as f64 * FRAME as f64 / SAMPLE_RATE as f64) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "a bin of the spectrum")]
const fn highest_bin() -> usize {
    (HIGHEST_HZ * FRAME as f64 / SAMPLE_RATE as f64) as usize
}

const BINS: usize = highest_bin() + 4;

impl Picker {
    pub(crate) fn new() -> Self {
        let ratio = libm::exp2(REACH_CENTS / 1_200.0) - 1.0;
        let reach_bins = (0..BINS)
            .map(|bin| (nearest_u32(libm::floor(bin as f64 * ratio)) as usize).max(MIN_REACH_BINS))
            .collect();
        Self {
            rows: VecDeque::new(),
            sums: vec![0.0; BINS],
            next: 0,
            first: 0,
            reach_bins,
        }
    }

    pub(crate) fn push(&mut self, levels: &mut dyn Iterator<Item = f64>, found: &mut Vec<Found>) {
        let row: Vec<f64> = levels.take(BINS).collect();
        self.sums.iter_mut().zip(&row).for_each(|(sum, level)| *sum += level);
        self.rows.push_back(row);
        if self.first + self.rows.len() > self.next + AROUND_FRAMES {
            self.look(found);
        }
    }

    /// The peaks of the last frames, whose surroundings are cut.
    pub(crate) fn finish(&mut self, found: &mut Vec<Found>) {
        while self.next < self.first + self.rows.len() {
            self.look(found);
        }
    }

    /// Peaks up to here were found.
    pub(crate) fn looked_until_ms(&self) -> u32 {
        u32::try_from((self.next as u64 * HOP as u64 + FRAME as u64 / 2) * 1_000 / u64::from(SAMPLE_RATE))
            .unwrap_or(u32::MAX)
    }

    fn look(&mut self, found: &mut Vec<Found>) {
        while self.next - self.first > AROUND_FRAMES {
            if let Some(row) = self.rows.pop_front() {
                self.sums.iter_mut().zip(&row).for_each(|(sum, level)| *sum -= level);
            }
            self.first += 1;
        }
        let index = self.next - self.first;
        self.peaks_of(index, found);
        self.next += 1;
    }

    fn peaks_of(&self, index: usize, found: &mut Vec<Found>) {
        let row = &self.rows[index];
        let surroundings = Surroundings::new(&self.sums, self.rows.len());
        let loudest = self
            .rows
            .iter()
            .flat_map(|row| &row[lowest_bin()..highest_bin()])
            .fold(-200.0_f64, |a, b| a.max(*b));
        let floor = (loudest - RANGE_DB).max(SILENCE_DB);
        for bin in lowest_bin()..highest_bin() {
            let level = row[bin];
            if level < floor || level <= row[bin - 1] || level < row[bin + 1] || !self.is_highest(index, bin) {
                continue;
            }
            let shift_bins = vertex(row[bin - 1], level, row[bin + 1]);
            let before = index.checked_sub(1).map_or(level, |i| self.rows[i][bin]);
            let after = self.rows.get(index + 1).map_or(level, |row| row[bin]);
            let shift_frames = vertex(before, level, after);
            let hz = (bin as f64 + shift_bins) * f64::from(SAMPLE_RATE) / FRAME as f64;
            let cents = 1_200.0 * libm::log2(hz / f64::from(LOWEST_HZ));
            let samples = (self.next as f64 + shift_frames) * HOP as f64 + FRAME as f64 / 2.0;
            let ms = samples * 1_000.0 / f64::from(SAMPLE_RATE);
            if cents < 0.0 {
                continue;
            }
            found.push(Found {
                at_ms: nearest_u32(ms),
                pitch_cents: u16::try_from(nearest_u32(cents)).unwrap_or(u16::MAX),
                strength: level - AROUND_WEIGHT * surroundings.of(bin) + RISE_WEIGHT * self.rise(index, bin),
            });
        }
    }

    /// By how much the level is above that of a moment before.
    fn rise(&self, index: usize, bin: usize) -> f64 {
        let before = index.saturating_sub(RISE_FRAMES.1)..=index.saturating_sub(RISE_FRAMES.0);
        let count = before.clone().count() as f64;
        let highest = |row: &[f64]| row[bin - 1].max(row[bin]).max(row[bin + 1]);
        let level = before.map(|earlier| highest(&self.rows[earlier])).sum::<f64>() / count;
        (self.rows[index][bin] - level).clamp(0.0, MAX_RISE_DB)
    }

    fn is_highest(&self, index: usize, bin: usize) -> bool {
        let level = self.rows[index][bin];
        let reach = self.reach_bins[bin];
        let bins = bin - reach..(bin + reach + 1).min(BINS);
        let first = index.saturating_sub(REACH_FRAMES);
        let last = (index + REACH_FRAMES).min(self.rows.len() - 1);
        (first..=last).all(|other| {
            let row = &self.rows[other][bins.clone()];
            if other < index {
                row.iter().all(|l| *l < level)
            } else {
                row.iter().all(|l| *l <= level)
            }
        })
    }
}

/// Where between -0.5 and 0.5 a parabola through three values has its vertex.
fn vertex(before: f64, middle: f64, after: f64) -> f64 {
    let curvature = before - 2.0 * middle + after;
    if curvature < -1e-9 {
        (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// The average level around a frequency: half an octave to either side, over the frames around.
struct Surroundings {
    prefix: Vec<f64>,
    frames: usize,
}

impl Surroundings {
    fn new(sums: &[f64], frames: usize) -> Self {
        let mut total = 0.0;
        let mut prefix = vec![0.0];
        prefix.extend(sums.iter().map(|sum| {
            total += sum;
            total
        }));
        Self { prefix, frames }
    }

    fn of(&self, bin: usize) -> f64 {
        let first = bin * 7 / 10;
        let last = (bin * 10 / 7).min(self.prefix.len() - 1);
        (self.prefix[last] - self.prefix[first]) / ((last - first) * self.frames) as f64
    }
}
