//! The relayer's own verifier: what it refuses costs nobody gas, and the node no trial run.

use std::sync::Arc;

use alloy::primitives::{B256, U256};
use cwe_srs::{Setup, SrsStore};
use cwe_usage::{Element, EpochTerms, TierId};
use cwe_usage_circuits::{SPLIT_INPUTS, SRS_K, SplitInputs, VerifyingKeys, verify_split};
use eyre::{Result, WrapErr};

/// Checks Split proofs as the chain does.
#[derive(Debug, Clone)]
pub(crate) struct SplitVerifier {
    keys: Arc<VerifyingKeys>,
}

impl SplitVerifier {
    /// Derives the verifying key from the reference string, which is read from a cache or made.
    ///
    /// # Errors
    /// There is no such reference string, or it can't be kept.
    pub(crate) fn derive(setup: Setup) -> Result<Self> {
        let params = SrsStore::new(setup)?.params(SRS_K)?;
        let keys = VerifyingKeys::derive(&params).wrap_err("deriving the verifying key of Split proofs")?;
        Ok(Self { keys: Arc::new(keys) })
    }

    /// Whether `proof` holds for the chain's public inputs; not where they can't be any.
    pub(crate) fn holds(&self, inputs: &[U256; SPLIT_INPUTS], proof: &[u8]) -> bool {
        parse(inputs).is_some_and(|inputs| verify_split(&self.keys, &inputs, proof).is_ok())
    }
}

/// The contract's words in the protocol's order as a statement; none where a word is out of its range.
fn parse(words: &[U256; SPLIT_INPUTS]) -> Option<SplitInputs> {
    let [epoch, key, tier, allowance, diminishing, root, nullifier, notes] = *words;
    let element = |word: U256| Element::try_from(word).ok();
    Some(SplitInputs {
        terms: EpochTerms {
            epoch: epoch.try_into().ok()?,
            key: element(key)?,
            tier: TierId::try_from(B256::from(tier)).ok()?,
            allowance_secs: allowance.try_into().ok()?,
            diminishing_ppm: diminishing.try_into().ok()?,
        },
        subscription_root: element(root)?,
        nullifier: element(nullifier)?,
        notes_root: element(notes)?,
    })
}

#[cfg(test)]
mod tests {
    use cwe_usage_circuits::SPLIT_PROOF_BYTES;

    use super::*;

    fn words() -> [U256; SPLIT_INPUTS] {
        [1, 2, 3, 108_000, 1_000_000, 6, 7, 8].map(U256::from)
    }

    #[test]
    fn the_chains_words_are_read_in_the_protocols_order() {
        let inputs = parse(&words()).unwrap();
        assert_eq!(
            inputs
                .to_elements()
                .map(|element| U256::from_be_bytes(B256::from(element).0)),
            words()
        );
    }

    #[test]
    fn words_out_of_their_range_are_no_statement() {
        for position in 0..SPLIT_INPUTS {
            let mut bad = words();
            bad[position] = U256::MAX;
            assert_eq!(parse(&bad), None, "word {position}");
        }
        let mut alias = words();
        alias[6] += Element::modulus();
        assert_eq!(parse(&alias), None);
    }

    #[test]
    fn bytes_that_are_no_proof_do_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let params = SrsStore::in_folder(Setup::default(), folder.path().into())
            .params(SRS_K)
            .unwrap();
        let keys = Arc::new(VerifyingKeys::derive(&params).unwrap());
        let verifier = SplitVerifier { keys };
        for byte in [0, 1, 0xff] {
            assert!(!verifier.holds(&words(), &[byte; SPLIT_PROOF_BYTES]));
        }
        assert!(!verifier.holds(&words(), &[]));
    }
}
