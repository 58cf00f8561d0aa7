use crate::{Anchor, AudioDescriptor, AudioQuery, Kind, Peak, Probe, anchor::key, audio::Variant};

/// Pairs of peaks that follow each other.
pub(crate) fn anchors(audio: &AudioDescriptor) -> Vec<Anchor> {
    let pairs = audio.peaks.windows(2);
    pairs
        .map(|pair| Anchor {
            key: pair_key(pair[0], pair[1]),
            at: pair[0].at_ms,
        })
        .collect()
}

pub(crate) fn probes(query: &AudioQuery, variant: u8) -> Vec<Probe> {
    let Some(_) = Variant::of(variant).filter(|_| variant == 0) else {
        return Vec::new();
    };
    let pairs = query.peaks.windows(2);
    pairs
        .map(|pair| Probe {
            variant,
            key: pair_key(pair[0], pair[1]),
            at: pair[0].at_ms,
        })
        .collect()
}

fn pair_key(first: Peak, second: Peak) -> u32 {
    let time = (second.at_ms - first.at_ms) / 46 % 64;
    let step = (u32::from(second.pitch_cents) + 12_000 - u32::from(first.pitch_cents)) / 50;
    key(Kind::Audio, u32::from(first.pitch_cents) / 50 << 15 | step << 6 | time)
}
