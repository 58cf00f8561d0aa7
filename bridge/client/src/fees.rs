//! What to offer for a transaction on L1, and how to outbid oneself.

/// Prices offered by a transaction, wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// `maxFeePerGas`.
    pub max_fee_per_gas: u128,
    /// `maxPriorityFeePerGas`.
    pub max_priority_fee_per_gas: u128,
    /// `maxFeePerBlobGas`; `None` without blobs.
    pub max_fee_per_blob_gas: Option<u128>,
}

/// Highest prices ever offered, wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeCaps {
    /// Per gas.
    pub max_fee_per_gas: u128,
    /// Per blob gas.
    pub max_fee_per_blob_gas: u128,
    /// Section of the configuration with the keys `max_fee_gwei` and `max_blob_fee_gwei`, for errors.
    pub section: &'static str,
}

/// The prices that are needed are above the configured caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("L1 asks {needed_wei} wei per {unit}, the cap is {cap_wei}: wait, or raise `{section}.{key}`")]
pub struct AboveCap {
    /// `gas` or `blob gas`.
    pub unit: &'static str,
    /// Price needed.
    pub needed_wei: u128,
    /// Price allowed.
    pub cap_wei: u128,
    /// Section of the configuration.
    pub section: &'static str,
    /// The key in it.
    pub key: &'static str,
}

impl Fees {
    /// The cheapest offer that nodes accept in the place of this one: for blob transactions every price must double,
    /// for others both must rise by at least 10 % (12.5 % here, since some pools ask for more than 10).
    #[must_use]
    pub const fn bumped(self) -> Self {
        match self.max_fee_per_blob_gas {
            Some(blob) => Self {
                max_fee_per_gas: self.max_fee_per_gas.saturating_mul(2),
                max_priority_fee_per_gas: self.max_priority_fee_per_gas.saturating_mul(2),
                max_fee_per_blob_gas: Some(blob.saturating_mul(2)),
            },
            None => Self {
                max_fee_per_gas: by_an_eighth(self.max_fee_per_gas),
                max_priority_fee_per_gas: by_an_eighth(self.max_priority_fee_per_gas),
                max_fee_per_blob_gas: None,
            },
        }
    }

    /// The higher of both offers, price by price.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            max_fee_per_gas: self.max_fee_per_gas.max(other.max_fee_per_gas),
            max_priority_fee_per_gas: self.max_priority_fee_per_gas.max(other.max_priority_fee_per_gas),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.max(other.max_fee_per_blob_gas),
        }
    }

    /// What to offer now: the market's price, and more than `previous` if a transaction with that offer is waiting.
    ///
    /// # Errors
    /// [`AboveCap`] if that is more than the caps allow.
    pub fn next(market: Self, previous: Option<Self>, caps: &FeeCaps) -> Result<Self, AboveCap> {
        let needed = previous.map_or(market, |previous| market.max(previous.bumped()));
        if needed.max_fee_per_gas > caps.max_fee_per_gas {
            return Err(AboveCap {
                unit: "gas",
                needed_wei: needed.max_fee_per_gas,
                cap_wei: caps.max_fee_per_gas,
                section: caps.section,
                key: "max_fee_gwei",
            });
        }
        match needed.max_fee_per_blob_gas {
            Some(blob) if blob > caps.max_fee_per_blob_gas => Err(AboveCap {
                unit: "blob gas",
                needed_wei: blob,
                cap_wei: caps.max_fee_per_blob_gas,
                section: caps.section,
                key: "max_blob_fee_gwei",
            }),
            _ => Ok(needed),
        }
    }

    /// Most wei that a transaction with this offer can cost.
    pub const fn cost(&self, gas_limit: u64, blob_gas: u64) -> u128 {
        let blob_price = match self.max_fee_per_blob_gas {
            Some(price) => price,
            None => 0,
        };
        self.max_fee_per_gas
            .saturating_mul(gas_limit as u128)
            .saturating_add(blob_price.saturating_mul(blob_gas as u128))
    }
}

const fn by_an_eighth(price: u128) -> u128 {
    // The `+ 1` makes tiny prices rise too.
    price.saturating_add(price / 8).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: FeeCaps = FeeCaps {
        max_fee_per_gas: 1_000,
        max_fee_per_blob_gas: 400,
        section: "batches",
    };

    fn fees(gas: u128, tip: u128, blob: Option<u128>) -> Fees {
        Fees {
            max_fee_per_gas: gas,
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: blob,
        }
    }

    #[test]
    fn a_replacement_raises_every_price_enough_for_the_pool() {
        for price in [0u128, 1, 7, 8, 9, 1_000_000_007] {
            let bumped = fees(price, price, None).bumped();
            assert!(bumped.max_fee_per_gas * 10 >= price * 11 && bumped.max_fee_per_gas > price);
            assert!(bumped.max_priority_fee_per_gas > price);
        }
        assert_eq!(fees(10, 3, Some(5)).bumped(), fees(20, 6, Some(10)));
        let _ = fees(u128::MAX, u128::MAX, Some(u128::MAX)).bumped();
    }

    #[test]
    fn the_market_wins_when_it_rises_faster_than_the_bump() {
        let next = Fees::next(fees(500, 1, Some(300)), Some(fees(10, 10, Some(10))), &CAPS).unwrap();
        assert_eq!(next, fees(500, 20, Some(300)));
    }

    #[test]
    fn caps_hold_and_name_the_key_to_raise() {
        let error = Fees::next(fees(1_001, 1, None), None, &CAPS).unwrap_err();
        assert_eq!(
            (error.key, error.needed_wei, error.cap_wei),
            ("max_fee_gwei", 1_001, 1_000)
        );
        assert!(error.to_string().contains("`batches.max_fee_gwei`"), "{error}");
        let error = Fees::next(fees(1, 1, Some(1)), Some(fees(1, 1, Some(201))), &CAPS).unwrap_err();
        assert_eq!((error.key, error.needed_wei), ("max_blob_fee_gwei", 402));
    }

    #[test]
    fn cost_counts_gas_and_blob_gas() {
        assert_eq!(fees(2, 1, Some(3)).cost(100, 10), 230);
        assert_eq!(fees(2, 1, None).cost(100, 0), 200);
        assert_eq!(fees(u128::MAX, 1, None).cost(u64::MAX, 0), u128::MAX);
    }
}
