//! Sounds that nobody made.

use alloy::primitives::keccak256;
use cwe_fingerprint::{AudioDescriptor, AudioQuery, Peak, Query};

/// Length of a sound.
const DURATION_MS: u32 = 60_000;
/// Peaks of a sound.
const PEAKS: u64 = 300;

/// Numbers that look drawn.
fn drawn(seed: u64, index: u64) -> u32 {
    let hash = keccak256([seed.to_be_bytes(), index.to_be_bytes()].concat());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// A minute of sound that is like no other's.
pub(crate) fn sound(seed: u64) -> AudioDescriptor {
    let mut peaks: Vec<_> = (0..PEAKS)
        .map(|index| Peak {
            at_ms: drawn(seed, index) % DURATION_MS,
            pitch_cents: (drawn(seed, 1_000 + index) % 6_000) as u16,
        })
        .collect();
    peaks.sort_unstable();
    peaks.dedup();
    AudioDescriptor {
        duration_ms: DURATION_MS,
        peaks,
        chroma: (0..480).map(|index| drawn(seed, 2_000 + index)).collect(),
    }
}

/// Ten seconds of it.
pub(crate) fn excerpt(sound: &AudioDescriptor, from_ms: u32) -> Query {
    let inside = sound
        .peaks
        .iter()
        .filter(|peak| (from_ms..from_ms + 10_000).contains(&peak.at_ms));
    let peaks: Vec<_> = inside
        .map(|peak| Peak {
            at_ms: peak.at_ms - from_ms,
            ..*peak
        })
        .collect();
    Query::Audio(AudioQuery {
        duration_ms: 10_000,
        strong: peaks.clone(),
        peaks,
    })
}
