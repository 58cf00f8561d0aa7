use crate::{AudioDescriptor, FpId, fp_id::simhash};

/// Peaks this far apart, in milliseconds, are a feature together.
const NEAR_MS: core::ops::RangeInclusive<u32> = 60..=1_000;
const TIME_QUANTUM_MS: u32 = 100;
const PITCH_QUANTUM_CENTS: u16 = 100;

/// The SimHash of two kinds of features: coarse pairs of peaks, which tell works apart, and pairs of consecutive bytes
/// of chroma, which survive where peaks do not. A feature weighs the square root of how often it occurs, so that
/// neither a loop nor the multitude of rare features decides alone.
pub(crate) fn fp_id(audio: &AudioDescriptor) -> FpId {
    let mut features = peak_pairs(audio);
    features.extend(chroma_steps(audio));
    features.sort_unstable();
    let counted = features
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0].to_le_bytes(), weight(same.len())));
    let counted: Vec<_> = counted.collect();
    simhash(counted.iter().map(|(feature, weight)| (feature.as_slice(), *weight)))
}

/// The square root, in eighths.
fn weight(count: usize) -> i64 {
    i64::try_from((64 * count).isqrt()).unwrap_or(i64::MAX)
}

fn peak_pairs(audio: &AudioDescriptor) -> Vec<u64> {
    let mut pairs = Vec::new();
    for (place, first) in audio.peaks.iter().enumerate() {
        for second in &audio.peaks[place + 1..] {
            let step_ms = second.at_ms.saturating_sub(first.at_ms);
            if step_ms > *NEAR_MS.end() {
                break;
            }
            if NEAR_MS.contains(&step_ms) {
                let pitch = |cents: u16| u64::from(cents / PITCH_QUANTUM_CENTS);
                let step = u64::from(step_ms / TIME_QUANTUM_MS);
                pairs.push(1 << 60 | pitch(first.pitch_cents) << 40 | pitch(second.pitch_cents) << 20 | step);
            }
        }
    }
    pairs
}

/// Each item's four bytes with the next item's.
fn chroma_steps(audio: &AudioDescriptor) -> impl Iterator<Item = u64> {
    audio.chroma.windows(2).flat_map(|items| {
        let bytes = items[0].to_le_bytes().into_iter().zip(items[1].to_le_bytes());
        (0_u64..)
            .zip(bytes)
            .map(|(place, (before, after))| 2 << 60 | place << 16 | u64::from(before) << 8 | u64::from(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Peak, audio::testing::peaks};

    fn work(seed: u64) -> AudioDescriptor {
        let items = peaks(seed + 1_000, 60)
            .into_iter()
            .map(|peak| peak.at_ms.wrapping_mul(2_654_435_761));
        AudioDescriptor {
            duration_ms: 60_000,
            peaks: peaks(seed, 60),
            chroma: items.collect(),
        }
    }

    #[test]
    fn a_work_with_a_tenth_of_its_peaks_moved_is_near_and_others_are_far() {
        let one = work(1);
        let mut moved = one.clone();
        for peak in moved.peaks.iter_mut().step_by(10) {
            *peak = Peak {
                pitch_cents: peak.pitch_cents.wrapping_add(700) % 6_000,
                ..*peak
            };
        }
        moved.peaks.sort_unstable();
        assert!(fp_id(&one).distance(&fp_id(&moved)) < 64);
        for seed in 2..8 {
            assert!(fp_id(&one).distance(&fp_id(&work(seed))) > 90, "{seed}");
        }
    }
}
