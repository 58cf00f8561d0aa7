//! Ids of tiers and works as field elements, and what an epoch fixes for every proof of it.

use alloy_primitives::{B256, U256};

use crate::Element;

/// Bits of a tier id, so that a tier and an epoch fill 248.
const TIER_ID_BITS: usize = 184;
/// Bits of a work id.
const WORK_ID_BITS: usize = 248;

/// A word that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A tier id is non-zero and below 2¹⁸⁴.
    #[error("{0} is no tier id: it must be non-zero and below 2^184")]
    Tier(B256),
    /// A work id is non-zero and its top byte is 0.
    #[error("{0} is no work id: it must be non-zero and its first byte 0")]
    Work(B256),
}

/// A tier: non-zero, below 2¹⁸⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TierId(U256);

/// A work: non-zero, below 2²⁴⁸, and so the same number as a field element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(Element);

impl TryFrom<B256> for TierId {
    type Error = IdError;

    fn try_from(word: B256) -> Result<Self, IdError> {
        let number = U256::from_be_bytes(word.0);
        let fits = !number.is_zero() && number.bit_len() <= TIER_ID_BITS;
        fits.then_some(Self(number)).ok_or(IdError::Tier(word))
    }
}

impl From<TierId> for B256 {
    fn from(id: TierId) -> Self {
        id.0.into()
    }
}

impl TierId {
    /// As a public input of the circuits.
    pub fn to_element(self) -> Element {
        // 184 bits are below the modulus.
        Element::try_from(self.0).unwrap_or_default()
    }
}

impl TryFrom<B256> for WorkId {
    type Error = IdError;

    fn try_from(word: B256) -> Result<Self, IdError> {
        let number = U256::from_be_bytes(word.0);
        if number.is_zero() || number.bit_len() > WORK_ID_BITS {
            return Err(IdError::Work(word));
        }
        Element::try_from(number).map(Self).map_err(|_| IdError::Work(word))
    }
}

impl From<WorkId> for B256 {
    fn from(id: WorkId) -> Self {
        id.0.into()
    }
}

impl WorkId {
    /// As it stands in a note.
    pub const fn to_element(self) -> Element {
        self.0
    }
}

/// `tier ‖ epoch = tierId · 2⁶⁴ + epoch`: one element, below 2²⁴⁸.
pub fn tier_epoch(tier: TierId, epoch: u64) -> Element {
    // 184 + 64 bits are below the modulus.
    Element::try_from((tier.0 << 64) | U256::from(epoch)).unwrap_or_default()
}

/// What an epoch and a tier fix for every Split proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochTerms {
    /// The epoch, from 1.
    pub epoch: u64,
    /// `K_E`, the beacon's.
    pub key: Element,
    /// The tier that was subscribed to.
    pub tier: TierId,
    /// Most seconds of listening that may be reported, all works together; below 2⁴⁸.
    pub allowance_secs: u64,
    /// `k` of diminishing returns, in ppm.
    pub diminishing_ppm: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(number: U256) -> B256 {
        number.into()
    }

    #[test]
    fn ids_have_their_ranges() {
        let one = U256::from(1);
        for bad in [U256::ZERO, one << 184, U256::MAX] {
            assert_eq!(TierId::try_from(word(bad)), Err(IdError::Tier(word(bad))));
        }
        for bad in [U256::ZERO, one << 248, U256::MAX] {
            assert_eq!(WorkId::try_from(word(bad)), Err(IdError::Work(word(bad))));
        }
        assert!(TierId::try_from(word((one << 184) - one)).is_ok());
        assert!(WorkId::try_from(word((one << 248) - one)).is_ok());
    }

    #[test]
    fn a_tier_and_an_epoch_fill_248_bits() {
        let tier = TierId::try_from(word((U256::from(1) << 184) - U256::from(1))).unwrap();
        assert_eq!(
            tier_epoch(tier, u64::MAX).to_uint(),
            (U256::from(1) << 248) - U256::from(1)
        );
        let light = TierId::try_from(word(U256::from(0x6c_6967_6874_u64))).unwrap();
        assert_eq!(
            tier_epoch(light, 7).to_uint(),
            (U256::from(0x6c_6967_6874_u64) << 64) + U256::from(7)
        );
    }
}
