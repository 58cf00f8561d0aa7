use crate::{FpId, VideoDescriptor, audio};

/// The work is divided into this many equal parts; each gives its share of the sketch's bits, so that the order of what is
/// seen counts.
const PARTS: usize = 4;
const PART_BITS: usize = 256 / PARTS;
/// A frame counts for as long as it is shown, up to this.
const MAX_SHOWN_MS: u32 = 2_000;

/// In each part, for each of the lowest frequencies, what most of the time is seen. A video without frames has the sketch
/// of its sound.
pub(crate) fn fp_id(video: &VideoDescriptor) -> FpId {
    let mut votes = [0_i64; 256];
    for (index, frame) in video.frames.iter().enumerate() {
        let end_ms = video.frames.get(index + 1).map_or(video.duration_ms, |next| next.at_ms);
        let weight = i64::from(end_ms.saturating_sub(frame.at_ms).clamp(1, MAX_SHOWN_MS));
        let part = (frame.at_ms as usize * PARTS / (video.duration_ms as usize + 1)).min(PARTS - 1);
        for bit in 0..PART_BITS {
            let set = frame.hash[bit / 8] >> (7 - bit % 8) & 1 == 1;
            votes[part * PART_BITS + bit] += if set { weight } else { -weight };
        }
    }
    if video.frames.is_empty() {
        return video.audio.as_ref().map_or(FpId([0; 32]), audio::fp_id);
    }
    let mut sketch = [0; 32];
    for (bit, _) in votes.iter().enumerate().filter(|(_, vote)| **vote > 0) {
        sketch[bit / 8] |= 1 << (7 - bit % 8);
    }
    FpId(sketch)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;
    use crate::FrameHash;

    fn video(seeds: impl Iterator<Item = u32>, step_ms: u32) -> VideoDescriptor {
        let hash = |seed: u32| {
            core::array::from_fn(|byte| {
                let mixed = (seed * 37 + byte as u32 + 1).wrapping_mul(2_654_435_761);
                (mixed ^ mixed >> 13).wrapping_mul(2_246_822_519).to_be_bytes()[1]
            })
        };
        let frames: Vec<FrameHash> = (0..)
            .zip(seeds)
            .map(|(n, seed)| FrameHash {
                at_ms: n * step_ms,
                hash: hash(seed),
            })
            .collect();
        VideoDescriptor {
            duration_ms: frames.len() as u32 * step_ms,
            frames,
            audio: None,
        }
    }

    #[test]
    fn a_few_lost_frames_change_little_and_another_video_or_order_much() {
        let whole = fp_id(&video(0..41, 1_000));
        let mut holes = video(0..41, 1_000);
        holes.frames.retain(|frame| frame.at_ms % 9_000 != 0);
        assert!(whole.distance(&fp_id(&holes)) < 50);
        assert!(whole.distance(&fp_id(&video(100..141, 1_000))) > 90);
        assert!(whole.distance(&fp_id(&video((0..41).rev(), 1_000))) > 90);
    }
}
