use crate::{Alignment, AudioDescriptor, AudioQuery, Match};

/// How far a slice reaches to either side, in milliseconds.
const SLICE_MS: u32 = 5_000;

pub(crate) fn slice(audio: &AudioDescriptor, around_at: u32) -> AudioDescriptor {
    let range = around_at.saturating_sub(SLICE_MS)..=around_at.saturating_add(SLICE_MS);
    let peaks = audio
        .peaks
        .iter()
        .filter(|peak| range.contains(&peak.at_ms))
        .copied()
        .collect();
    AudioDescriptor {
        duration_ms: audio.duration_ms,
        peaks,
        chroma: Vec::new(),
    }
}

pub(crate) fn verify(query: &AudioQuery, candidate: &AudioDescriptor, alignment: Alignment) -> Match {
    let expected = candidate.peaks.iter().filter(|peak| {
        let at = i64::from(peak.at_ms) - alignment.offset;
        (0..=i64::from(query.duration_ms)).contains(&at)
    });
    let (mut all, mut found) = (0_u32, 0_u32);
    for peak in expected {
        all += 1;
        let at = i64::from(peak.at_ms) - alignment.offset;
        found += u32::from(query.peaks.iter().any(|other| {
            (i64::from(other.at_ms) - at).abs() < 50 && other.pitch_cents.abs_diff(peak.pitch_cents) < 40
        }));
    }
    let score_ppm = if all < 20 { 0 } else { found * 1_000 / all * 1_000 };
    Match {
        score_ppm,
        offset_ms: alignment.offset,
        speed_ppm: 1_000_000,
        accepted: score_ppm > 500_000,
    }
}
