//! Why an epoch can't be settled so.

use alloy_primitives::{B256, U256};

use crate::{MAX_AMOUNT, RegistryError};

/// Why inputs and data give no settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// The totals are not those of the basis: an entry is missing, changed or too many.
    #[error(
        "the totals given have the root {computed}, the basis has {expected}: the list must be complete and unchanged"
    )]
    TotalsRoot {
        /// In the inputs.
        expected: B256,
        /// Of the data.
        computed: B256,
    },
    /// What was carried is not what the epoch before left.
    #[error(
        "the carried entries given have the root {computed}, the epoch before left {expected}: the list must be complete \
         and unchanged"
    )]
    CarriedRoot {
        /// In the inputs.
        expected: B256,
        /// Of the data.
        computed: B256,
    },
    /// The carried entries add up to something else than was carried.
    #[error("the carried entries add up to {computed} wei, the epoch before carried {expected}")]
    CarriedSum {
        /// In the inputs.
        expected: U256,
        /// Of the data.
        computed: u128,
    },
    /// Units of a tier that the inputs don't have.
    #[error("work {work} has units in tier {tier}, which is no tier of this epoch")]
    UnknownTier {
        /// The work.
        work: B256,
        /// The tier.
        tier: B256,
    },
    /// Shares of more than the whole, or not what the parameters make of the revenue.
    #[error("the protocol's shares, {eco} and {infra} wei, are not {eco_ppm} and {infra_ppm} ppm of {fees} wei")]
    SharesInvalid {
        /// Share of the eco-reserve in the inputs, CLN wei.
        eco: u128,
        /// Share of infrastructure in the inputs, CLN wei.
        infra: u128,
        /// Its parameter.
        eco_ppm: u32,
        /// Its parameter.
        infra_ppm: u32,
        /// Revenue of all tiers, CLN wei.
        fees: u128,
    },
    /// More units than the epoch's subscriptions paid for.
    #[error("the units are worth {gross} wei, the creators' part of the fees is {pool} wei")]
    PoolExceeded {
        /// What the units are worth, CLN wei.
        gross: u128,
        /// What there is, CLN wei.
        pool: u128,
    },
    /// Ages count, and registrations are missing.
    #[error("the half-life is on: the registrations of the revealed works are needed")]
    RegistryMissing,
    /// Ages don't count, or nothing was revealed, and there are registrations.
    #[error("registrations of works are given, and this epoch needs none")]
    RegistryUnneeded,
    /// The registrations are not the epoch's.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registration of a revealed work is missing.
    #[error("the registration of work {work} is missing")]
    WorkNotOpened {
        /// The work.
        work: B256,
    },
    /// An amount in the inputs beyond 128 bits.
    #[error("{field} is {value} wei, more than the 128 bits that settlements count in")]
    TooLarge {
        /// Which one.
        field: &'static str,
        /// Its value.
        value: U256,
    },
    /// A sum or product beyond its range.
    #[error("{what} is beyond its range")]
    Overflow {
        /// What was computed.
        what: &'static str,
    },
    /// A work gets more than an entry of the payout list can hold.
    #[error("work {work} would get {amount} wei, a payout is at most {MAX_AMOUNT}")]
    AmountTooLarge {
        /// The work.
        work: B256,
        /// CLN wei.
        amount: u128,
    },
}
