/// How many variants a query of sound is tried in.
pub const VARIANTS: u8 = 19;
/// The first of the variants that change the pitch alone, and of those that change the tempo alone.
const FIRST_PITCH: u8 = 11;
const FIRST_TEMPO: u8 = 15;

/// A supposed change of an excerpt against the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The excerpt's speed against the work's, 1 000 000 = the same.
    pub tempo_ppm: u32,
    /// The excerpt's frequencies against the work's, 1 000 000 = the same.
    pub pitch_ppm: u32,
}

impl Variant {
    /// The variant of a number: the work as it is; speeds of ±1 % to ±5 %, pitch with it, as a turntable or a film at
    /// another frame rate has; pitch alone and tempo alone by ±2 % and ±4 %.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        const SAME: u32 = 1_000_000;
        match number {
            0..FIRST_PITCH => {
                let speed_ppm = changed(number.checked_sub(1), 10_000);
                Some(Self {
                    tempo_ppm: speed_ppm,
                    pitch_ppm: speed_ppm,
                })
            }
            FIRST_PITCH..FIRST_TEMPO => Some(Self {
                tempo_ppm: SAME,
                pitch_ppm: changed(Some(number - FIRST_PITCH), 20_000),
            }),
            FIRST_TEMPO..VARIANTS => Some(Self {
                tempo_ppm: changed(Some(number - FIRST_TEMPO), 20_000),
                pitch_ppm: SAME,
            }),
            VARIANTS.. => None,
        }
    }
}

/// Steps 0, 1, 2, 3 … are + 1, − 1, + 2, − 2 … times `step_ppm`.
const fn changed(step: Option<u8>, step_ppm: u32) -> u32 {
    match step {
        None => 1_000_000,
        Some(step) if step.is_multiple_of(2) => 1_000_000 + (step as u32 / 2 + 1) * step_ppm,
        Some(step) => 1_000_000 - (step as u32 / 2 + 1) * step_ppm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_the_work_then_speeds_then_pitch_or_tempo_alone() {
        let of = |number| Variant::of(number).map(|variant| (variant.tempo_ppm, variant.pitch_ppm));
        assert_eq!(of(0), Some((1_000_000, 1_000_000)));
        assert_eq!(of(1), Some((1_010_000, 1_010_000)));
        assert_eq!(of(10), Some((950_000, 950_000)));
        assert_eq!(of(11), Some((1_000_000, 1_020_000)));
        assert_eq!(of(18), Some((960_000, 1_000_000)));
        assert_eq!(of(VARIANTS), None);
    }
}
