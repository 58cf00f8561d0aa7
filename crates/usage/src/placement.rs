//! Which slots a month's works take.

use alloc::vec::Vec;

use crate::SLOTS;

/// Draws `count` of the [`SLOTS`] slots, each set of them equally likely, in rising order; all of them from
/// [`SLOTS`] on. `random` gives independent uniform words.
pub fn spread(count: usize, mut random: impl FnMut() -> u64) -> Vec<usize> {
    let mut left = count.min(SLOTS);
    let mut chosen = Vec::with_capacity(left);
    for slot in 0..SLOTS {
        let remaining = (SLOTS - slot) as u64;
        if below(remaining, &mut random) < left as u64 {
            chosen.push(slot);
            left -= 1;
        }
    }
    chosen
}

/// A uniform number below `bound`, which is not 0: words that would favour small numbers are drawn again.
fn below(bound: u64, random: &mut impl FnMut() -> u64) -> u64 {
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let word = random();
        if word < fair {
            return word % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64.
    fn generator(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        }
    }

    #[test]
    fn slots_are_distinct_and_rising() {
        for count in [0, 1, 2, 64, 127, 128, 500] {
            let slots = spread(count, generator(count as u64));
            assert_eq!(slots.len(), count.min(SLOTS));
            assert!(slots.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(slots.iter().all(|slot| *slot < SLOTS));
        }
    }

    #[test]
    fn a_single_work_takes_every_slot_equally_often() {
        let mut counts = [0_u32; SLOTS];
        let mut random = generator(1);
        for _ in 0..SLOTS * 400 {
            counts[spread(1, &mut random)[0]] += 1;
        }
        // 400 expected; 100 are five standard deviations.
        assert!(counts.iter().all(|count| count.abs_diff(400) < 100), "{counts:?}");
    }
}
