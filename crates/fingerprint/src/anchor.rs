use crate::Kind;

/// One entry of the index: a feature of a work and where in the work it is. A work has few of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Anchor {
    /// The kind's number in the top two bits, 30 bits of hash below.
    pub key: u32,
    /// Milliseconds from the work's start.
    pub at: u32,
}

/// One question to the index. A query has many of them, for each of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    /// Which speed and pitch it supposes the excerpt to be played at; 0 is the work's own. Probes of different
    /// variants must not vote together.
    pub variant: u8,
    /// As an anchor's.
    pub key: u32,
    /// Milliseconds from the excerpt's start, in the time of the work.
    pub at: u32,
}

/// Anchors and probes of one alignment agree on the offset within this many milliseconds.
pub const OFFSET_TOLERANCE: i64 = 60;

/// Where in the work the excerpt starts if this probe found this anchor, in milliseconds; negative when the excerpt
/// starts before the work does.
#[must_use]
pub fn offset(probe: &Probe, anchor: &Anchor) -> i64 {
    i64::from(anchor.at) - i64::from(probe.at)
}

/// What several probes agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alignment {
    /// As [`offset`] gives it, good to about [`OFFSET_TOLERANCE`].
    pub offset: i64,
    /// The probes' variant.
    pub variant: u8,
}

/// What [`verify`](crate::verify) says of a query and a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// How sure it is, 0 to 1 000 000.
    pub score_ppm: u32,
    /// Where in the work the excerpt starts.
    pub offset_ms: i64,
    /// The excerpt's speed against the work's, 1 000 000 = the same.
    pub speed_ppm: u32,
    /// Whether it is the work.
    pub accepted: bool,
}

impl Match {
    /// No likeness at all.
    pub const NONE: Self = Self {
        score_ppm: 0,
        offset_ms: 0,
        speed_ppm: 1_000_000,
        accepted: false,
    };
}

const HASH_BITS: u32 = 30;

/// The key of a feature: 30 bits of `hash` under the kind's number.
pub(crate) const fn key(kind: Kind, hash: u32) -> u32 {
    ((kind.number() as u32) << HASH_BITS) | (hash & ((1 << HASH_BITS) - 1))
}
