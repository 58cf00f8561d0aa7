//! Sound for tests, by a formula that any language can compute; `docs/FINGERPRINTS.md` has it.

use crate::Peak;

/// Three voices of decaying tones, from -1 to 1, rounded to 16 bits.
pub(crate) fn melody(rate_hz: u32, secs: f64, seed: u32) -> Vec<f32> {
    let count = (secs * f64::from(rate_hz)) as u32;
    (0..count)
        .map(|index| sample(f64::from(index) / f64::from(rate_hz), seed))
        .collect()
}

/// Eight peaks a second, at random places.
pub(crate) fn peaks(seed: u64, secs: u32) -> Vec<Peak> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut drawn = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut peaks: Vec<_> = (0..secs * 8)
        .map(|_| Peak {
            at_ms: drawn(u64::from(secs) * 1_000) as u32,
            pitch_cents: drawn(6_000) as u16,
        })
        .collect();
    peaks.sort_unstable();
    peaks.dedup();
    peaks
}

fn sample(secs: f64, seed: u32) -> f32 {
    let note_secs = [0.25, 0.4, 0.65];
    let voices = (0_u32..).zip(note_secs).map(|(voice, note_secs)| {
        let note = (secs / note_secs).floor();
        let since = secs - note * note_secs;
        let choice = (note as u32 * 7_919 + voice * 104_729).wrapping_add(seed.wrapping_mul(1_299_709));
        let semitones = choice.wrapping_mul(2_654_435_761) >> 16 & 0x7fff;
        let hz = 220.0 * libm::exp2(f64::from(semitones % 30) / 12.0);
        let phase = core::f64::consts::TAU * hz * since;
        let tone = libm::sin(phase) + 0.5 * libm::sin(2.0 * phase) + 0.25 * libm::sin(3.0 * phase);
        0.18 * (since / 0.005).min(1.0) * libm::exp(-5.0 * since) * tone
    });
    (libm::round(voices.sum::<f64>() * 32_767.0) / 32_768.0) as f32
}
