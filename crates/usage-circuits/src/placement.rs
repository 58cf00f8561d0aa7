//! In which lane and row each part of a trace stands.

use crate::{
    layout::{Layout, Stacking},
    trace::{Table, Trace},
};

/// A row of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) lane: usize,
    pub(crate) row: usize,
}

/// Where everything stands.
#[derive(Debug)]
pub(crate) struct Placement {
    /// By main row.
    pub(crate) main: Vec<At>,
    /// By row of digits.
    pub(crate) digits: Vec<At>,
    /// Hashes of a lane; the last lane is filled up.
    pub(crate) hashes_per_lane: usize,
    /// Rows of a hash.
    hash_rows: usize,
}

impl Placement {
    pub(crate) fn new(layout: &Layout, trace: &Trace) -> Self {
        let hashes_per_lane = trace.hashes.len().div_ceil(layout.hash_lanes.max(1));
        let hash_rows = trace.schedule.len();
        // The last output stands one row below.
        let below_hashes = hashes_per_lane * hash_rows + 1;
        let digit_lanes = layout.digits.map_or(1, |digits| digits.lanes);
        let stacked = layout.stacking != Stacking::Apart;
        let digits = digits(trace, digit_lanes, if stacked { below_hashes } else { 0 });
        let below_digits = end(&digits).max(below_hashes);
        let all = layout.stacking == Stacking::All;
        let main = main(trace, layout.main_lanes, if all { below_digits } else { 0 });
        Self {
            main,
            digits,
            hashes_per_lane,
            hash_rows,
        }
    }

    /// First row of a hash; its output stands as many rows below as a hash has.
    pub(crate) fn hash(&self, number: usize) -> At {
        let per_lane = self.hashes_per_lane.max(1);
        At {
            lane: number / per_lane,
            row: number % per_lane * self.hash_rows,
        }
    }

    /// Where the output of a hash stands.
    pub(crate) fn output(&self, number: usize) -> At {
        let At { lane, row } = self.hash(number);
        At {
            lane,
            row: row + self.hash_rows,
        }
    }

    /// Rows that are used.
    pub(crate) fn rows(&self) -> usize {
        let hashes = self.hashes_per_lane * self.hash_rows + 1;
        hashes.max(end(&self.main)).max(end(&self.digits))
    }
}

fn end(places: &[At]) -> usize {
    places.iter().map(|at| at.row + 1).max().unwrap_or_default()
}

/// Numbers stay together, since each row adds to the one before.
fn digits(trace: &Trace, lanes: usize, first: usize) -> Vec<At> {
    let per_lane = trace.digits.len().div_ceil(lanes.max(1));
    let mut at = At { lane: 0, row: first };
    let rows = trace.digits.iter().map(|digits| {
        if at.row - first >= per_lane && !digits.continues {
            at = At {
                lane: at.lane + 1,
                row: first,
            };
        }
        let place = at;
        at.row += 1;
        place
    });
    rows.collect()
}

/// The table is in the first lane, with all that look up in it.
fn main(trace: &Trace, lanes: usize, first: usize) -> Vec<At> {
    let per_lane = trace.main.len().div_ceil(lanes.max(1));
    let mut order: Vec<usize> = (0..trace.main.len()).collect();
    if lanes > 1 {
        order.sort_by_key(|row| trace.main.get(*row).is_some_and(|main| main.table == Table::None));
    }
    let mut places = vec![At { lane: 0, row: 0 }; order.len()];
    for (index, row) in order.into_iter().enumerate() {
        if let Some(place) = places.get_mut(row) {
            *place = At {
                lane: index / per_lane.max(1),
                row: first + index % per_lane.max(1),
            };
        }
    }
    places
}
