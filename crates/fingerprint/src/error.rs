/// Why there is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// Nothing is to be heard, or to be seen.
    #[error("there is nothing to know it by: it is silent, or a plain surface; give a part with sound or pictures")]
    Silence,
    /// The same thing all the time: it would match everything of its like.
    #[error(
        "only {found} distinct features in {duration_ms} ms, {needed} are needed: a tone or a still is no work of its own"
    )]
    Monotonous {
        /// Distinct features.
        found: u32,
        /// How many are needed.
        needed: u32,
        /// What was given.
        duration_ms: u32,
    },
    /// Too little.
    #[error("{found_ms} ms were given, {needed_ms} ms are needed: record longer")]
    TooShort {
        /// What was given.
        found_ms: u32,
        /// What is needed.
        needed_ms: u32,
    },
    /// Too much.
    #[error("longer than {max_ms} ms: split the work")]
    TooLong {
        /// The limit.
        max_ms: u32,
    },
    /// A sample is not a number, or infinite.
    #[error("sample {index} is not a finite number: the decoder or the recording is broken")]
    NotFinite {
        /// Which sample, counted over the channels from the start.
        index: u64,
    },
    /// A sample rate that no sound has.
    #[error("{found} Hz is no sample rate that can be used, {min} to {max} Hz are")]
    BadRate {
        /// The rate.
        found: u32,
        /// The lowest rate.
        min: u32,
        /// The highest rate.
        max: u32,
    },
    /// A number of channels that no sound has.
    #[error("{found} channels cannot be used, 1 to {max} can")]
    BadChannels {
        /// How many.
        found: u16,
        /// The most.
        max: u16,
    },
    /// Samples that do not fill their channels.
    #[error("{samples} samples do not divide into {channels} channels: give whole frames")]
    PartFrame {
        /// How many samples.
        samples: usize,
        /// How many channels.
        channels: u16,
    },
    /// A picture whose bytes do not fit its size, or without a size.
    #[error(
        "a picture of {width} × {height} has that many bytes of brightness, not {found}, and each side is 1 to {max}"
    )]
    BadPicture {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes given.
        found: usize,
        /// The longest side.
        max: u32,
    },
    /// Time went backwards.
    #[error("a frame at {found_ms} ms follows one at {last_ms} ms: give frames in the order of time")]
    OutOfOrder {
        /// The frame's time.
        found_ms: u32,
        /// The time of the frame before.
        last_ms: u32,
    },
}
