//! Works made of random numbers, and what happens to them.

use cwe_fingerprint::{AudioDescriptor, Descriptor, ImageDescriptor, Peak, Query};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use crate::{MdbxIndex, Options, WorkId, duplicates::excerpt};

pub(super) fn work(number: u64) -> WorkId {
    let mut id = [0x5a; 32];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    WorkId(id)
}

/// A sound of so many seconds with as many peaks as real ones have.
pub(super) fn song(seed: u64, seconds: u32) -> AudioDescriptor {
    let mut random = StdRng::seed_from_u64(seed);
    let duration_ms = seconds * 1_000;
    let mut peaks: Vec<_> = (0..seconds * 10)
        .map(|_| Peak {
            at_ms: random.random_range(0..duration_ms),
            pitch_cents: random.random_range(0..5_000),
        })
        .collect();
    peaks.sort_unstable();
    peaks.dedup();
    AudioDescriptor {
        duration_ms,
        peaks,
        chroma: (0..seconds * 8).map(|_| random.random()).collect(),
    }
}

pub(super) fn sound(seed: u64, seconds: u32) -> Descriptor {
    Descriptor::Audio(song(seed, seconds))
}

pub(super) fn picture(seed: u64) -> Descriptor {
    let mut random = StdRng::seed_from_u64(seed);
    Descriptor::Image(ImageDescriptor { hash: random.random() })
}

/// The song as another encoder leaves it: some peaks are lost, some are new, all are a little elsewhere.
pub(super) fn reencoded(song: &AudioDescriptor, seed: u64) -> AudioDescriptor {
    let mut random = StdRng::seed_from_u64(seed);
    let mut peaks = Vec::new();
    for peak in &song.peaks {
        if random.random_bool(0.9) {
            peaks.push(Peak {
                at_ms: (peak.at_ms + random.random_range(0..4)).min(song.duration_ms - 1),
                ..*peak
            });
        } else {
            peaks.push(Peak {
                at_ms: random.random_range(0..song.duration_ms),
                pitch_cents: random.random_range(0..5_000),
            });
        }
    }
    peaks.sort_unstable();
    peaks.dedup();
    let chroma = song.chroma.iter().map(|item| {
        if random.random_bool(0.1) {
            item ^ 1 << random.random_range(0..32)
        } else {
            *item
        }
    });
    AudioDescriptor {
        duration_ms: song.duration_ms,
        peaks,
        chroma: chroma.collect(),
    }
}

/// A part of the song, as a work of its own.
pub(super) fn part(song: &AudioDescriptor, start_ms: u32, length_ms: u32) -> AudioDescriptor {
    let peaks = song.peaks.iter().filter_map(|peak| {
        let at_ms = peak.at_ms.checked_sub(start_ms).filter(|at_ms| *at_ms < length_ms)?;
        Some(Peak { at_ms, ..*peak })
    });
    let item = |ms: u32| (u64::from(ms) * 1_000 / 123_810) as usize;
    AudioDescriptor {
        duration_ms: length_ms,
        peaks: peaks.collect(),
        chroma: song.chroma[item(start_ms)..item(start_ms + length_ms)].to_vec(),
    }
}

/// One song after the other.
pub(super) fn joined(songs: &[&AudioDescriptor]) -> AudioDescriptor {
    let mut all = AudioDescriptor::default();
    for song in songs {
        let moved = song.peaks.iter().map(|peak| Peak {
            at_ms: peak.at_ms + all.duration_ms,
            ..*peak
        });
        all.peaks.extend(moved);
        all.chroma.extend(&song.chroma);
        all.duration_ms += song.duration_ms;
    }
    all
}

pub(super) fn heard(song: &AudioDescriptor, start_ms: u32, length_ms: u32) -> Query {
    excerpt(&Descriptor::Audio(song.clone()), start_ms, length_ms)
}

pub(super) fn small() -> Options {
    Options {
        max_size_bytes: 1 << 30,
        growth_step_bytes: 1 << 20,
        min_bucket_works: 4,
        ..Options::default()
    }
}

/// An empty index in a folder that vanishes with it.
pub(super) fn empty() -> (TempDir, MdbxIndex) {
    let folder = tempfile::tempdir().unwrap();
    let index = MdbxIndex::open(folder.path(), &small()).unwrap();
    (folder, index)
}
