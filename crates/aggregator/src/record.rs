//! A reveal's record: what it says in the clear, checked for its form, and its hash, which a receipt names.

use alloy::{
    primitives::{B256, U256, keccak256},
    sol_types::SolValue,
};
use cwe_usage::{Element, TierId, UNITS, WorkId};
use cwe_usage_circuits::{REVEAL_PROOF_BYTES, RevealInputs};
use cwe_wallet::messages::RevealBody;

/// Bytes of a record as the store keeps it, beside epoch and nullifier.
const STORED_BYTES: usize = 32 + 32 + 1 + 8 + 4 + 32;

/// What one reveal says. All its numbers are canonical and in the ranges of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The epoch.
    pub epoch: u64,
    /// The tier that was paid for.
    pub tier: TierId,
    /// The work.
    pub work: WorkId,
    /// Hundredths of the fee, 1 … 100.
    pub units: u8,
    /// Micro-CLN a minute that was reckoned with.
    pub price: u64,
    /// Region factor that was reckoned with, ppm.
    pub region: u32,
    /// Root of the epoch's final note tree.
    pub note_root: Element,
    /// `nf_note`.
    pub nullifier: Element,
}

/// What is wrong with the form of a reveal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Epochs begin with 1.
    #[error("`epoch` is 0; epochs are numbered from 1")]
    Epoch,
    /// Not a tier id.
    #[error("`tierId` is no tier id: it is not zero and below 2^184")]
    Tier,
    /// Not a work id.
    #[error("`workId` is no work id: it is not zero and its first byte is 0")]
    Work,
    /// No units, or more than a fee has.
    #[error("`units` is {0}, not 1 to 100")]
    Units(u8),
    /// Zero, or at or above the modulus.
    #[error("`{0}` is no field element other than zero")]
    NotAnElement(&'static str),
    /// Not as long as every Reveal proof.
    #[error("`proof` has {REVEAL_PROOF_BYTES} bytes, not {0}")]
    ProofLength(usize),
}

impl Record {
    /// Reads a reveal; its proof is only measured.
    ///
    /// # Errors
    /// [`Malformed`]: the first thing that no reveal of any epoch could have.
    pub fn parse(body: &RevealBody) -> Result<Self, Malformed> {
        if body.epoch == 0 {
            return Err(Malformed::Epoch);
        }
        if !(1..=UNITS).contains(&body.units) {
            return Err(Malformed::Units(body.units));
        }
        let record = Self {
            epoch: body.epoch,
            tier: TierId::try_from(body.tier_id).map_err(|_| Malformed::Tier)?,
            work: WorkId::try_from(body.work_id).map_err(|_| Malformed::Work)?,
            units: body.units,
            price: body.price_per_min,
            region: body.region_ppm,
            note_root: element("noteRoot", body.note_root)?,
            nullifier: element("nullifier", body.nullifier)?,
        };
        match body.proof.len() {
            REVEAL_PROOF_BYTES => Ok(record),
            length => Err(Malformed::ProofLength(length)),
        }
    }

    /// `keccak256(abi.encode(uint64 epoch, bytes32 tierId, bytes32 workId, uint8 units, uint64 pricePerMin, uint32
    /// regionPpm, bytes32 noteRoot, bytes32 nullifier))`.
    pub fn hash(&self) -> B256 {
        let words = (
            U256::from(self.epoch),
            B256::from(self.tier),
            B256::from(self.work),
            U256::from(self.units),
            U256::from(self.price),
            U256::from(self.region),
            B256::from(self.note_root),
            B256::from(self.nullifier),
        );
        keccak256(words.abi_encode_params())
    }

    /// The public inputs of its proof, with the epoch's key.
    pub const fn inputs(&self, epoch_key: Element) -> RevealInputs {
        RevealInputs {
            epoch: self.epoch,
            epoch_key,
            tier: self.tier,
            work: self.work,
            units: self.units,
            price: self.price,
            region: self.region,
            note_root: self.note_root,
            nullifier: self.nullifier,
        }
    }

    /// All but epoch and nullifier, which the store has as key.
    pub(crate) fn to_stored(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STORED_BYTES);
        bytes.extend(B256::from(self.tier));
        bytes.extend(B256::from(self.work));
        bytes.push(self.units);
        bytes.extend(self.price.to_be_bytes());
        bytes.extend(self.region.to_be_bytes());
        bytes.extend(self.note_root.to_be_bytes());
        bytes
    }

    /// `None` for what this program did not write.
    pub(crate) fn from_stored(epoch: u64, nullifier: B256, bytes: &[u8]) -> Option<Self> {
        let (tier, rest) = bytes.split_first_chunk::<32>()?;
        let (work, rest) = rest.split_first_chunk::<32>()?;
        let (&units, rest) = rest.split_first()?;
        let (price, rest) = rest.split_first_chunk::<8>()?;
        let (region, rest) = rest.split_first_chunk::<4>()?;
        Some(Self {
            epoch,
            tier: TierId::try_from(B256::from(*tier)).ok()?,
            work: WorkId::try_from(B256::from(*work)).ok()?,
            units,
            price: u64::from_be_bytes(*price),
            region: u32::from_be_bytes(*region),
            note_root: Element::from_be_bytes(rest.try_into().ok()?).ok()?,
            nullifier: Element::from_be_bytes(nullifier.0).ok()?,
        })
    }
}

fn element(name: &'static str, word: B256) -> Result<Element, Malformed> {
    match Element::from_be_bytes(word.0) {
        Ok(element) if !element.is_zero() => Ok(element),
        _ => Err(Malformed::NotAnElement(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::body;

    #[test]
    fn only_canonical_numbers_in_their_ranges_are_a_record() {
        let good = body(1);
        assert!(Record::parse(&good).is_ok());
        let modulus = B256::from(Element::modulus());
        let all = B256::repeat_byte(0xff);
        let bad = |change: &dyn Fn(&mut RevealBody)| {
            let mut body = good.clone();
            change(&mut body);
            Record::parse(&body).unwrap_err()
        };
        assert_eq!(bad(&|body| body.epoch = 0), Malformed::Epoch);
        for units in [0, 101, 255] {
            assert_eq!(bad(&|body| body.units = units), Malformed::Units(units));
        }
        for word in [B256::ZERO, all] {
            assert_eq!(bad(&|body| body.tier_id = word), Malformed::Tier);
            assert_eq!(bad(&|body| body.work_id = word), Malformed::Work);
        }
        for word in [B256::ZERO, modulus, all] {
            assert_eq!(bad(&|body| body.nullifier = word), Malformed::NotAnElement("nullifier"));
            assert_eq!(bad(&|body| body.note_root = word), Malformed::NotAnElement("noteRoot"));
        }
        for length in [0, REVEAL_PROOF_BYTES - 1, REVEAL_PROOF_BYTES + 1] {
            let refused = bad(&|body| body.proof = vec![1; length].into());
            assert_eq!(refused, Malformed::ProofLength(length));
        }
    }

    #[test]
    fn a_record_is_stored_whole_and_every_field_is_in_its_hash() {
        let record = Record::parse(&body(1)).unwrap();
        let stored = record.to_stored();
        assert_eq!(stored.len(), STORED_BYTES);
        let nullifier = B256::from(record.nullifier);
        assert_eq!(Record::from_stored(record.epoch, nullifier, &stored), Some(record));
        assert_eq!(Record::from_stored(record.epoch, nullifier, &stored[1..]), None);
        let mut others = [record; 8];
        others[0].epoch += 1;
        others[1].tier = TierId::try_from(B256::with_last_byte(200)).unwrap();
        others[2].work = WorkId::try_from(B256::with_last_byte(200)).unwrap();
        others[3].units += 1;
        others[4].price += 1;
        others[5].region += 1;
        others[6].note_root = Element::from(77);
        others[7].nullifier = Element::from(77);
        for other in others {
            assert_ne!(other.hash(), record.hash(), "{other:?}");
        }
    }
}
