//! Works that a new one is nearly the same as, or a part of, or has a part of.
//!
//! Two ways lead to one: its FP_ID differs in few bits from another's, or excerpts of it are found in another. Either
//! way excerpts decide: how much of the shorter work is in the other.

use std::collections::{BTreeMap, BTreeSet};

use cwe_fingerprint::{
    Alignment, AudioDescriptor, AudioQuery, Descriptor, FpId, FrameHash, ImageQuery, Kind, MAX_EXCERPT_MS, Peak, Query,
    VideoDescriptor, VideoQuery, verify,
};

use crate::{
    IndexError, NearDuplicate,
    environment::{Environment, Reader, Table},
    postings::Lookup,
    rows::{Number, band_keys, descriptor_of, number_of, work_of},
    search::search,
};

/// FP_IDs that differ in more bits are not compared further. Unrelated works differ in 128 on average, and one pair in
/// 10^15 in so few.
const NEAR_BITS: u32 = 64;

/// Works of one band that are looked at; a band that so many works share says nothing.
const BAND_WORKS: usize = 2_000;

/// Likest FP_IDs that excerpts are verified for.
const NEAR_WORKS: usize = 32;

/// Length of the excerpts that are compared, in milliseconds.
const EXCERPT_MS: u32 = 10_000;

/// The most excerpts that are compared, spread over the work.
const EXCERPTS: u32 = 64;

/// How much of the shorter work has to be in the other.
const DUPLICATE_PPM: u64 = 500_000;

/// An excerpt of a descriptor.
struct Excerpt {
    start_ms: u32,
    query: Query,
}

pub(crate) fn near_duplicates(
    environment: &Environment,
    descriptor: &Descriptor,
    limit: usize,
) -> Result<Vec<NearDuplicate>, IndexError> {
    let reader = environment.reader()?;
    let near = near_fp_ids(&reader, descriptor.kind(), &descriptor.fp_id())?;
    let near = near
        .into_iter()
        .map(|number| Ok((number, descriptor_of(&reader, number)?)))
        .collect::<Result<Vec<_>, IndexError>>()?;
    let excerpts = excerpts(descriptor);
    let mut matched = BTreeMap::<Number, u32>::new();
    for excerpt in &excerpts {
        for number in matches(environment, &reader, excerpt, &near)? {
            *matched.entry(number).or_default() += 1;
        }
    }
    let mut duplicates = Vec::new();
    for (number, count) in matched {
        let shared_ppm = shared_ppm(descriptor, &descriptor_of(&reader, number)?, count, excerpts.len());
        if shared_ppm >= DUPLICATE_PPM {
            duplicates.push(NearDuplicate {
                work: work_of(&reader, number)?.work,
                similarity_ppm: u32::try_from(shared_ppm).unwrap_or(u32::MAX),
            });
        }
    }
    sort_duplicates(&mut duplicates);
    duplicates.truncate(limit);
    Ok(duplicates)
}

/// The order of answers: the likest first, of equals the lower work.
pub(crate) fn sort_duplicates(duplicates: &mut [NearDuplicate]) {
    duplicates.sort_by_key(|duplicate| (core::cmp::Reverse(duplicate.similarity_ppm), duplicate.work));
}

/// The works that an excerpt is in: as the search finds them, and those of near FP_IDs that have it at its own place.
fn matches(
    environment: &Environment,
    reader: &Reader<'_>,
    excerpt: &Excerpt,
    near: &[(Number, Descriptor)],
) -> Result<BTreeSet<Number>, IndexError> {
    let mut matches = BTreeSet::new();
    for hit in search(environment, &excerpt.query, usize::MAX)? {
        matches.extend(number_of(reader, hit.work)?);
    }
    let alignment = Alignment {
        offset: i64::from(excerpt.start_ms),
        variant: 0,
    };
    for (number, candidate) in near {
        if !matches.contains(number) && verify(&excerpt.query, candidate, alignment).accepted {
            matches.insert(*number);
        }
    }
    Ok(matches)
}

/// How much of the shorter work is in the other, when so many of the first one's excerpts are.
fn shared_ppm(descriptor: &Descriptor, other: &Descriptor, count: u32, of: usize) -> u64 {
    let part = u64::from(count) * 1_000_000 / (of.max(1) as u64);
    let own_ms = u64::from(descriptor.duration_ms());
    let shorter_ms = own_ms.min(u64::from(other.duration_ms()));
    if shorter_ms == 0 {
        return part;
    }
    (part * own_ms / shorter_ms).min(1_000_000)
}

/// Works whose FP_ID is near: those that share a band but for one bit, the nearest first, then by number.
fn near_fp_ids(reader: &Reader<'_>, kind: Kind, fp_id: &FpId) -> Result<Vec<Number>, IndexError> {
    let mut lookup = Lookup::new(reader, Table::Bands)?;
    let mut sharing = BTreeSet::<Number>::new();
    for key in band_keys(kind, fp_id) {
        for key in with_each_bit_flipped(key) {
            let found = lookup.find(&key, size_of::<Number>(), BAND_WORKS)?;
            let (numbers, _) = found.bytes().as_chunks();
            sharing.extend(numbers.iter().map(|number| Number::from_be_bytes(*number)));
        }
    }
    let mut near = Vec::new();
    for number in sharing {
        let distance = work_of(reader, number)?.fp_id.distance(fp_id);
        if distance <= NEAR_BITS {
            near.push((distance, number));
        }
    }
    near.sort_unstable();
    near.truncate(NEAR_WORKS);
    Ok(near.into_iter().map(|(_, number)| number).collect())
}

/// The key of a band, and those of bands that differ in one bit.
fn with_each_bit_flipped(key: [u8; 4]) -> impl Iterator<Item = [u8; 4]> {
    let [kind, place, a, b] = key;
    let band = u16::from_be_bytes([a, b]);
    let flipped = (0..u16::BITS).map(move |bit| band ^ 1 << bit);
    std::iter::once(band).chain(flipped).map(move |band| {
        let [a, b] = band.to_be_bytes();
        [kind, place, a, b]
    })
}

/// Excerpts of a descriptor, evenly spread; a short work is one excerpt.
fn excerpts(descriptor: &Descriptor) -> Vec<Excerpt> {
    let duration_ms = descriptor.duration_ms();
    let count = (duration_ms / EXCERPT_MS).clamp(1, EXCERPTS);
    let length_ms = if count == 1 {
        duration_ms.min(MAX_EXCERPT_MS)
    } else {
        EXCERPT_MS
    };
    let step_ms = duration_ms / count;
    (0..count)
        .map(|place| {
            let start_ms = place * step_ms + step_ms.saturating_sub(length_ms) / 2;
            Excerpt {
                start_ms,
                query: excerpt(descriptor, start_ms, length_ms),
            }
        })
        .collect()
}

/// The query that an excerpt of the work would make, as far as the descriptor has it.
pub(crate) fn excerpt(descriptor: &Descriptor, start_ms: u32, length_ms: u32) -> Query {
    match descriptor {
        Descriptor::Audio(audio) => Query::Audio(audio_excerpt(audio, start_ms, length_ms)),
        Descriptor::Video(video) => Query::Video(video_excerpt(video, start_ms, length_ms)),
        Descriptor::Image(image) => Query::Image(ImageQuery { hash: image.hash }),
    }
}

fn audio_excerpt(audio: &AudioDescriptor, start_ms: u32, length_ms: u32) -> AudioQuery {
    let peaks = audio.peaks.iter().filter_map(|peak| {
        let at_ms = peak.at_ms.checked_sub(start_ms).filter(|at_ms| *at_ms < length_ms)?;
        Some(Peak { at_ms, ..*peak })
    });
    let peaks: Vec<_> = peaks.collect();
    AudioQuery {
        duration_ms: length_ms,
        strong: peaks.clone(),
        peaks,
    }
}

fn video_excerpt(video: &VideoDescriptor, start_ms: u32, length_ms: u32) -> VideoQuery {
    let frames = video.frames.iter().filter_map(|frame| {
        let at_ms = frame.at_ms.checked_sub(start_ms).filter(|at_ms| *at_ms < length_ms)?;
        Some(FrameHash { at_ms, ..*frame })
    });
    VideoQuery {
        duration_ms: length_ms,
        frames: frames.collect(),
        audio: video
            .audio
            .as_ref()
            .map(|audio| audio_excerpt(audio, start_ms, length_ms)),
    }
}
