//! Keys for the index: groups of a hash's bits. A changed picture keeps some groups whole, and one wrong bit in a group is
//! tried out.

use crate::{
    Anchor, FrameHash, ImageDescriptor, ImageQuery, Kind, Probe, VideoDescriptor, VideoQuery, anchor, audio,
    video::{Hash, mirrored},
};

/// Groups of a hash; together they have its lowest frequencies.
const BANDS: usize = 6;
const BAND_BITS: usize = 22;
/// Times of anchors and probes are multiples of this, so that frames of one scene vote together at other frame rates and
/// speeds.
const TIME_STEP_MS: u32 = 400;

/// As they are; with one bit wrong in each group; mirrored.
const VIDEO_VARIANTS: u8 = 3;
pub(crate) const IMAGE_VARIANTS: u8 = VIDEO_VARIANTS;

pub(crate) const fn variants(query: &VideoQuery) -> u8 {
    match query.audio {
        Some(_) if audio::VARIANTS > VIDEO_VARIANTS => audio::VARIANTS,
        _ => VIDEO_VARIANTS,
    }
}

pub(crate) fn anchors(video: &VideoDescriptor) -> Vec<Anchor> {
    let frames = video.frames.iter().flat_map(|frame| {
        let at = step(frame);
        keys(Kind::Video, &frame.hash).map(move |key| Anchor { key, at })
    });
    let sound = video.audio.iter().flat_map(audio::anchors);
    frames.chain(sound).collect()
}

pub(crate) fn image_anchors(image: &ImageDescriptor) -> Vec<Anchor> {
    keys(Kind::Image, &image.hash)
        .map(|key| Anchor { key, at: 0 })
        .collect()
}

pub(crate) fn probes(query: &VideoQuery, variants: impl Iterator<Item = u8>) -> Vec<Probe> {
    let variants: Vec<_> = variants.collect();
    let mut probes = Vec::new();
    for variant in &variants {
        for frame in &query.frames {
            probe(Kind::Video, &frame.hash, step(frame), *variant, &mut probes);
        }
    }
    if let Some(sound) = &query.audio {
        probes.extend(audio::probes(sound, variants.into_iter()));
    }
    probes
}

pub(crate) fn image_probes(image: &ImageQuery, variant: u8) -> Vec<Probe> {
    let mut probes = Vec::new();
    probe(Kind::Image, &image.hash, 0, variant, &mut probes);
    probes
}

fn probe(kind: Kind, hash: &Hash, at: u32, variant: u8, probes: &mut Vec<Probe>) {
    match variant {
        0 => probes.extend(keys(kind, hash).map(|key| Probe { variant, key, at })),
        1 => probes.extend(
            keys(kind, hash)
                .flat_map(|key| (0..BAND_BITS).map(move |bit| key ^ 1 << bit))
                .map(|key| Probe { variant, key, at }),
        ),
        2 => probes.extend(keys(kind, &mirrored(hash)).map(|key| Probe { variant, key, at })),
        _ => {}
    }
}

const fn step(frame: &FrameHash) -> u32 {
    frame.at_ms / TIME_STEP_MS * TIME_STEP_MS
}

/// One key for each group: its number above its bits. Bits are dealt to the groups in turn, so that each has low and high
/// frequencies.
fn keys(kind: Kind, hash: &Hash) -> impl Iterator<Item = u32> {
    let group = |(number, band): (u32, usize)| {
        (0..BAND_BITS).fold(number, |key, place| key << 1 | bit(hash, place * BANDS + band))
    };
    let groups: Vec<u32> = (0..).zip(0..BANDS).map(group).collect();
    groups.into_iter().map(move |group| anchor::key(kind, group))
}

const fn bit(hash: &Hash, bit: usize) -> u32 {
    (hash[bit / 8] >> (7 - bit % 8) & 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = [0b1011_0010; 32];

    #[test]
    fn one_wrong_bit_leaves_all_other_groups_whole() {
        let mut other = HASH;
        other[3] ^= 1;
        let equal = keys(Kind::Video, &HASH)
            .zip(keys(Kind::Video, &other))
            .filter(|(a, b)| a == b)
            .count();
        assert_eq!(equal, BANDS - 1);
    }

    #[test]
    fn groups_and_kinds_have_keys_of_their_own() {
        let mut all: Vec<u32> = keys(Kind::Video, &[0; 32]).chain(keys(Kind::Image, &[0; 32])).collect();
        all.dedup();
        assert_eq!(all.len(), 2 * BANDS);
    }

    #[test]
    fn the_second_variant_finds_frames_with_a_wrong_bit_in_every_group() {
        let mut other = HASH;
        (0..BANDS).for_each(|band| other[band / 8] ^= 1 << (7 - band % 8));
        let wanted = image_anchors(&ImageDescriptor { hash: HASH });
        let hits = |variant| {
            let probes = image_probes(&ImageQuery { hash: other }, variant);
            wanted
                .iter()
                .filter(|anchor| probes.iter().any(|probe| probe.key == anchor.key))
                .count()
        };
        assert_eq!((hits(0), hits(1)), (0, BANDS));
    }
}
