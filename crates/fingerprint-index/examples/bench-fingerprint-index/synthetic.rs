//! Works that sound like nothing, but are distributed like music: notes of a scale on a beat, with overtones, in phrases
//! that come again.

use cwe_fingerprint::{AudioDescriptor, AudioQuery, Descriptor, Peak, Query, bucket::WorkId};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// What is printed above the table.
pub(crate) const DESCRIPTION: &str = "Works: sounds of 30 to 70 s (50 on average), 10 peaks a second: notes of a scale on \
a beat, with overtones, in phrases that repeat.\nQueries: 10 s with a quarter of the peaks lost, the others off by up to \
12 ms and 12 cents, and twice as many strange ones; a quarter at another speed (up to ±4.5 %); half of works that are not there.";

const SEED: u64 = 0x1de8;
const PEAKS_PER_SECOND: u32 = 10;
const EXCERPT_MS: u32 = 10_000;
const LOST: f64 = 0.25;
const STRANGE: usize = 2;
/// Steps of scales, in cents.
const SCALES: [&[u16]; 4] = [
    &[0, 200, 400, 500, 700, 900, 1_100],
    &[0, 200, 300, 500, 700, 800, 1_000],
    &[0, 200, 400, 700, 900],
    &[0, 300, 500, 600, 700, 1_000],
];
/// Overtones, in cents above the tone.
const OVERTONES: [u16; 5] = [0, 1_200, 1_902, 2_400, 2_786];
const HIGHEST_CENTS: u16 = 6_400;

/// The id of a work.
pub(crate) fn id(number: u64) -> WorkId {
    let mut random = StdRng::seed_from_u64(SEED ^ number.rotate_left(32));
    WorkId(random.random())
}

/// A work. The same number gives the same work.
pub(crate) fn song(number: u64) -> AudioDescriptor {
    let mut random = StdRng::seed_from_u64(SEED.wrapping_add(number));
    let duration_ms: u32 = random.random_range(30_000..70_000);
    let phrase_ms = 60_000 / random.random_range(70..160_u32) * 16;
    let scale = SCALES.choose(&mut random).copied().unwrap_or(SCALES[0]);
    let root: u16 = random.random_range(0..1_200);
    let mut peaks = Vec::new();
    let mut phrase = Vec::new();
    let mut start_ms = 0;
    while start_ms < duration_ms {
        // Two phrases of three are the one before, with a few other notes.
        if phrase.is_empty() || random.random_bool(0.33) {
            phrase = notes(&mut random, scale, root, phrase_ms);
        } else {
            for note in &mut phrase {
                if random.random_bool(0.15) {
                    *note = peak(&mut random, scale, root, phrase_ms);
                }
            }
        }
        peaks.extend(phrase.iter().filter_map(|note| {
            // Nobody plays twice the same.
            let at_ms = start_ms + note.at_ms + random.random_range(0..12);
            let pitch_cents = note.pitch_cents + random.random_range(0..8);
            (at_ms < duration_ms).then_some(Peak { at_ms, pitch_cents })
        }));
        start_ms += phrase_ms;
    }
    peaks.sort_unstable();
    peaks.dedup();
    AudioDescriptor {
        duration_ms,
        peaks,
        chroma: chroma(&mut random, duration_ms),
    }
}

fn notes(random: &mut StdRng, scale: &[u16], root: u16, phrase_ms: u32) -> Vec<Peak> {
    let count = phrase_ms * PEAKS_PER_SECOND / 1_000;
    (0..count).map(|_| peak(random, scale, root, phrase_ms)).collect()
}

/// Low steps, low octaves and low overtones are the most frequent.
fn peak(random: &mut StdRng, scale: &[u16], root: u16, phrase_ms: u32) -> Peak {
    let low = |random: &mut StdRng, count: usize| random.random_range(0..count).min(random.random_range(0..count));
    let step = scale.get(low(random, scale.len())).copied().unwrap_or_default();
    let overtone = OVERTONES.get(low(random, OVERTONES.len())).copied().unwrap_or_default();
    let octave = if random.random_bool(0.6) { 1_200 } else { 2_400 };
    let beats = 64;
    Peak {
        at_ms: phrase_ms * random.random_range(0..beats) / beats,
        pitch_cents: (root + octave + step + overtone).min(HIGHEST_CENTS),
    }
}

/// Items that stay for a while, as a chord does.
fn chroma(random: &mut StdRng, duration_ms: u32) -> Vec<u32> {
    let mut item: u32 = random.random();
    let count = duration_ms / 124;
    (0..count)
        .map(|_| {
            if random.random_bool(0.2) {
                item = random.random();
            }
            item ^ 1 << random.random_range(0..32)
        })
        .collect()
}

/// An excerpt as it is heard.
pub(crate) struct Heard {
    pub(crate) query: Query,
    /// The work that it is of.
    pub(crate) work: WorkId,
}

/// A noisy excerpt of a work.
pub(crate) fn heard(number: u64, seed: u64) -> Heard {
    let song = song(number);
    let mut random = StdRng::seed_from_u64(SEED ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let start_ms = random.random_range(0..=song.duration_ms - EXCERPT_MS * 11 / 10);
    let speed = if random.random_bool(0.25) {
        1.0 + random.random_range(-0.045..0.045_f64)
    } else {
        1.0
    };
    let shift_cents = 1_200.0 * speed.log2();
    let mut peaks = Vec::new();
    for peak in song.peaks.iter().filter(|peak| peak.at_ms >= start_ms) {
        let at_ms = f64::from(peak.at_ms - start_ms) / speed + random.random_range(-12.0..12.0);
        let cents = f64::from(peak.pitch_cents) + shift_cents + random.random_range(-12.0..12.0);
        if (0.0..f64::from(EXCERPT_MS)).contains(&at_ms) && random.random_bool(1.0 - LOST) {
            peaks.extend(rounded(at_ms, cents));
        }
    }
    peaks.sort_unstable();
    peaks.dedup();
    let strong = peaks.clone();
    for _ in 0..strong.len() * STRANGE {
        peaks.push(Peak {
            at_ms: random.random_range(0..EXCERPT_MS),
            pitch_cents: random.random_range(0..HIGHEST_CENTS),
        });
    }
    peaks.sort_unstable();
    peaks.dedup();
    Heard {
        query: Query::Audio(AudioQuery {
            duration_ms: EXCERPT_MS,
            peaks,
            strong,
        }),
        work: id(number),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be in range"
)]
fn rounded(at_ms: f64, cents: f64) -> Option<Peak> {
    let in_range = (0.0..1e9).contains(&at_ms) && (0.0..f64::from(HIGHEST_CENTS) + 200.0).contains(&cents);
    in_range.then_some(Peak {
        at_ms: at_ms as u32,
        pitch_cents: cents as u16,
    })
}

/// The work's descriptor.
pub(crate) fn descriptor(number: u64) -> Descriptor {
    Descriptor::Audio(song(number))
}
