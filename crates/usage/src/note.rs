//! A usage note: so many hundredths of one subscriber's fee for one work.

use alloy_primitives::U256;

use crate::{Element, TierId, WorkId, poseidon::hash, tier_epoch};

/// A note as it is revealed. Whoever knows it, with its path, can reveal it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The work.
    pub work: WorkId,
    /// Hundredths of the fee, 1 … 100 (a note of zero units shows nothing and need not be revealed).
    pub units: u8,
    /// Price that was reckoned with, in micro-CLN a minute.
    pub price: u64,
    /// Region factor that was reckoned with, in ppm.
    pub region: u32,
    /// Blinds the commitment and makes the nullifier; never leaves the wallet before the reveal.
    pub r: Element,
}

impl Note {
    /// Leaf of the note in its submission's tree.
    pub fn commitment(&self, tier: TierId, epoch: u64) -> Element {
        let work = self.work.to_element();
        note_commitment(
            work,
            self.units,
            self.price,
            self.region,
            self.r,
            tier_epoch(tier, epoch),
        )
    }

    /// See [`note_nullifier`].
    pub fn nullifier(&self, epoch_key: Element) -> Element {
        note_nullifier(self.r, epoch_key)
    }

    /// `units ‖ price ‖ region` as one element: `units · 2⁹⁶ + price · 2³² + region`.
    pub fn packed(units: u8, price: u64, region: u32) -> Element {
        let packed = (U256::from(units) << 96) | (U256::from(price) << 32) | U256::from(region);
        // 104 bits are below the modulus.
        Element::try_from(packed).unwrap_or_default()
    }
}

/// `H(H(work, units ‖ price ‖ region), H(r, tier ‖ E))`; an unused slot has zeros and an `r` like any other.
pub fn note_commitment(work: Element, units: u8, price: u64, region: u32, r: Element, tier_epoch: Element) -> Element {
    let content = hash(work, Note::packed(units, price, region));
    hash(content, hash(r, tier_epoch))
}

/// `nf_note = H(r, K_E)`: what makes a second reveal of the note show.
pub fn note_nullifier(r: Element, epoch_key: Element) -> Element {
    hash(r, epoch_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_note_do_not_overlap() {
        let packed = Note::packed(100, u64::MAX, u32::MAX).to_uint();
        assert_eq!(packed, (U256::from(101) << 96) - U256::from(1));
        assert_eq!(Note::packed(1, 0, 0).to_uint(), U256::from(1) << 96);
        assert_eq!(Note::packed(0, 1, 0).to_uint(), U256::from(1) << 32);
    }
}
