//! What a minute costs, and what the listener is ready to pay for it.

use std::fmt;

use cwe_hub::api::FoundWork;

/// A factor of 1, in ppm.
const ONE_PPM: u128 = 1_000_000;

/// The price of a work's minute, micro-CLN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    /// As its creator set it.
    pub per_min: u64,
    /// Factor of its region, ppm; none where the chain has none.
    pub region_ppm: Option<u32>,
}

impl Price {
    /// What the hub says; none where it knows no price.
    pub(super) fn of(work: &FoundWork) -> Option<Self> {
        work.terms.as_ref().map(|terms| Self {
            per_min: terms.price_per_min,
            region_ppm: work.region_factor_ppm,
        })
    }

    /// With the region's factor, rounded up.
    pub(super) fn in_region(self) -> u64 {
        let factor = self.region_ppm.map_or(ONE_PPM, u128::from);
        u64::try_from((u128::from(self.per_min) * factor).div_ceil(ONE_PPM)).unwrap_or(u64::MAX)
    }
}

/// The most that a minute may cost, micro-CLN; none is no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap(pub Option<u64>);

impl Cap {
    /// Whether a work may be played at this price. Of a price that nobody knows nobody knows that it is below a cap.
    pub(super) fn allows(self, price: Option<Price>) -> bool {
        match (self.0, price) {
            (None, _) => true,
            (Some(most), Some(price)) => price.in_region() <= most,
            (Some(_), None) => false,
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} micro-CLN a minute", self.in_region())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(per_min: u64, region_ppm: Option<u32>) -> Option<Price> {
        Some(Price { per_min, region_ppm })
    }

    #[test]
    fn a_work_is_played_up_to_the_cap_and_not_above() {
        let cap = Cap(Some(1200));
        assert!(cap.allows(price(1200, None)));
        assert!(!cap.allows(price(1201, None)));
        assert!(Cap(Some(0)).allows(price(0, None)));
        assert!(Cap(None).allows(price(u64::MAX, Some(u32::MAX))));
    }

    #[test]
    fn the_region_s_factor_is_part_of_the_price() {
        let cap = Cap(Some(600));
        assert!(cap.allows(price(1200, Some(500_000))));
        assert!(!cap.allows(price(1201, Some(500_000))), "rounded up");
        assert!(!cap.allows(price(600, Some(1_000_001))));
    }

    #[test]
    fn a_price_that_is_not_known_is_not_below_a_cap() {
        assert!(!Cap(Some(u64::MAX)).allows(None));
        assert!(Cap(None).allows(None));
    }
}
