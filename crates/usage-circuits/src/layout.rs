//! How many rows and columns a circuit has. All programs use [`Layout::SPLIT`] and [`Layout::REVEAL`]; the others are
//! there to be measured against them (`make bench-layouts`).

use crate::{
    poseidon::BESIDE,
    trace::{DIGIT_BITS, ROW_BITS, SHORT_BITS},
};

/// Where the parts of a circuit stand. The statement is the same in every layout, keys and proofs are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// log₂ of the rows.
    pub log2_rows: u32,
    /// Main rows side by side.
    pub main_lanes: usize,
    /// Hashes side by side.
    pub hash_lanes: usize,
    /// Cells of a hash's row beside the state, 3 to 57: more cells, fewer rows.
    pub hash_cells: usize,
    /// Whether round constants stand in columns of their own. Otherwise each row of a hash has a column that selects it.
    pub constants_in_columns: bool,
    /// None in a circuit without ranges.
    pub digits: Option<Digits>,
    /// What shares columns.
    pub stacking: Stacking,
}

/// Columns for numbers that must be in a range: rows of 42 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// Rows side by side.
    pub lanes: usize,
    /// Bits of a digit: 1, 2, 3 or 6.
    pub bits: usize,
    /// Whether a digit is looked up in a table; otherwise an equation has a factor for each of its values.
    pub looked_up: bool,
}

/// Parts that stand below each other in the same columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stacking {
    /// None.
    Apart,
    /// Digits below the hashes.
    Digits,
    /// Digits below the hashes, main rows below those.
    All,
}

impl Layout {
    /// Of Split.
    pub const SPLIT: Self = Self {
        log2_rows: 12,
        main_lanes: 1,
        hash_lanes: 1,
        hash_cells: BESIDE,
        constants_in_columns: false,
        digits: Some(Digits {
            lanes: 1,
            bits: DIGIT_BITS,
            looked_up: false,
        }),
        stacking: Stacking::Apart,
    };

    /// Of Reveal.
    pub const REVEAL: Self = Self {
        log2_rows: 8,
        digits: None,
        ..Self::SPLIT
    };
}

impl Digits {
    /// Columns of a lane.
    pub(crate) const fn columns(self) -> usize {
        ROW_BITS / self.bits
    }

    /// Digits of a short row that may be other than 0.
    pub(crate) const fn short(self) -> usize {
        SHORT_BITS / self.bits
    }

    /// Degree of what keeps a digit small: a selector and a factor for each value, or a lookup of it.
    pub(crate) const fn degree(self) -> usize {
        if self.looked_up { 5 } else { 1 + (1 << self.bits) }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::REVEAL
    }
}
