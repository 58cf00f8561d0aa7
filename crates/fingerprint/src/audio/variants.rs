/// How many variants a query of sound is tried in.
pub const VARIANTS: u8 = 11;

/// A supposed change of an excerpt against the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The excerpt's speed against the work's, 1 000 000 = the same.
    pub tempo_ppm: u32,
    /// The excerpt's frequencies against the work's, 1 000 000 = the same.
    pub pitch_ppm: u32,
}

impl Variant {
    /// The variant of a number: the work's own speed, then ±1 %, ±2 % … ±5 %, pitch with it.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        const STEP_PPM: u32 = 10_000;
        let change_ppm = u32::from(number.div_ceil(2)) * STEP_PPM;
        let speed_ppm = if number.is_multiple_of(2) {
            1_000_000 - change_ppm
        } else {
            1_000_000 + change_ppm
        };
        (number < VARIANTS).then_some(Self {
            tempo_ppm: speed_ppm,
            pitch_ppm: speed_ppm,
        })
    }
}
