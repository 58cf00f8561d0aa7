//! What a submission must look like before anybody is asked about it.

use cwe_usage::{Element, TierId};
use cwe_usage_circuits::SPLIT_PROOF_BYTES;
use cwe_wallet::messages::SubmissionBody;

/// What is wrong with the form of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not a tier id.
    #[error("`tierId` is no tier id: it is not zero and below 2^184")]
    Tier,
    /// Zero, or at or above the modulus.
    #[error("`{0}` is no field element other than zero")]
    NotAnElement(&'static str),
    /// Not as long as every Split proof.
    #[error("`proof` has {SPLIT_PROOF_BYTES} bytes, not {0}")]
    ProofLength(usize),
}

/// # Errors
/// A number that is not canonical, or a proof of an impossible length.
pub(crate) fn check(body: &SubmissionBody) -> Result<(), Malformed> {
    TierId::try_from(body.tier_id).map_err(|_| Malformed::Tier)?;
    for (name, word) in [("nullifier", body.nullifier), ("notesRoot", body.notes_root)] {
        let element = Element::from_be_bytes(word.0).map_err(|_| Malformed::NotAnElement(name))?;
        if element.is_zero() {
            return Err(Malformed::NotAnElement(name));
        }
    }
    match body.proof.len() {
        SPLIT_PROOF_BYTES => Ok(()),
        length => Err(Malformed::ProofLength(length)),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;
    use crate::relay::tests::body;

    #[test]
    fn only_canonical_elements_and_proofs_of_the_right_length_pass() {
        assert_eq!(check(&body(1)), Ok(()));
        let modulus = B256::from(Element::modulus());
        for bad in [B256::ZERO, modulus, B256::repeat_byte(0xff)] {
            assert_eq!(
                check(&SubmissionBody {
                    nullifier: bad,
                    ..body(1)
                }),
                Err(Malformed::NotAnElement("nullifier"))
            );
            assert_eq!(
                check(&SubmissionBody {
                    notes_root: bad,
                    ..body(1)
                }),
                Err(Malformed::NotAnElement("notesRoot"))
            );
            if bad != modulus {
                assert_eq!(
                    check(&SubmissionBody {
                        tier_id: bad,
                        ..body(1)
                    }),
                    Err(Malformed::Tier)
                );
            }
        }
        for length in [0, SPLIT_PROOF_BYTES - 1, SPLIT_PROOF_BYTES + 1] {
            let bad = SubmissionBody {
                proof: vec![1; length].into(),
                ..body(1)
            };
            assert_eq!(check(&bad), Err(Malformed::ProofLength(length)));
        }
    }
}
