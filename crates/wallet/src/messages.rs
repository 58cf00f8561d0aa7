//! What leaves the device: one submission an epoch, one reveal a note (docs/PROTOCOL.md, "What wallets send").
//!
//! Neither names the wallet, an account or a device. The relayer and the aggregation coordinator read the same types.

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

/// Most bytes of a proof that anybody takes.
pub const MAX_PROOF_BYTES: usize = 1 << 16;

/// `POST /submissions` of a relayer: the arguments of `submitConsumption`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubmissionBody {
    /// The tier.
    pub tier_id: B256,
    /// `nf_user`.
    pub nullifier: B256,
    /// Root over the notes.
    pub notes_root: B256,
    /// The Split proof.
    pub proof: Bytes,
}

/// `POST /ingress` of an aggregation coordinator: one note, revealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevealBody {
    /// The epoch.
    pub epoch: u64,
    /// The tier.
    pub tier_id: B256,
    /// The work.
    pub work_id: B256,
    /// Hundredths of a fee, 1 … 100.
    pub units: u8,
    /// Micro-CLN a minute, as a decimal string: JavaScript's numbers end at 2⁵³.
    #[serde(with = "decimal")]
    pub price_per_min: u64,
    /// Factor of the region, ppm.
    pub region_ppm: u32,
    /// Root of the epoch's final note tree.
    pub note_root: B256,
    /// `nf_note`.
    pub nullifier: B256,
    /// The Reveal proof.
    pub proof: Bytes,
}

mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        // One way to write a number, so that nobody marks a record by spelling it differently.
        let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
        match text.parse() {
            Ok(number) if plain => Ok(number),
            _ => Err(D::Error::custom(format!(
                "`{}` is no whole number below 2^64",
                text.chars().take(40).collect::<String>()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> RevealBody {
        RevealBody {
            epoch: 7,
            tier_id: B256::with_last_byte(1),
            work_id: B256::with_last_byte(2),
            units: 12,
            price_per_min: u64::MAX,
            region_ppm: 1_000_000,
            note_root: B256::with_last_byte(3),
            nullifier: B256::with_last_byte(4),
            proof: vec![1, 2, 3].into(),
        }
    }

    #[test]
    fn a_reveal_is_written_as_documented() {
        let json = serde_json::to_value(body()).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        let documented = [
            "epoch",
            "noteRoot",
            "nullifier",
            "pricePerMin",
            "proof",
            "regionPpm",
            "tierId",
            "units",
            "workId",
        ];
        assert_eq!(keys, documented);
        assert_eq!(json["pricePerMin"], "18446744073709551615");
        assert_eq!(json["proof"], "0x010203");
        assert_eq!(serde_json::from_value::<RevealBody>(json).unwrap(), body());
    }

    #[test]
    fn prices_that_are_spelt_otherwise_and_unknown_fields_are_refused() {
        for price in ["", "01", "+1", "1e3", " 1", "18446744073709551616", "0x1"] {
            let mut json = serde_json::to_value(body()).unwrap();
            json["pricePerMin"] = price.into();
            assert!(serde_json::from_value::<RevealBody>(json).is_err(), "{price}");
        }
        let mut json = serde_json::to_value(body()).unwrap();
        json["sender"] = "me".into();
        assert!(serde_json::from_value::<RevealBody>(json).is_err());
    }
}
