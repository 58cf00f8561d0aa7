//! A real proof for tests that have no prover.

use alloy_primitives::{B256, U256};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId, poseidon::hash,
};
use cwe_usage_circuits::{ProvingKeys, SplitProof, SplitWitness, prove_split};
use eyre::Result;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// Proves a month of five works: the same inputs every time, another proof, since the proof system draws by itself too.
///
/// # Errors
/// A figure is out of its range; none is as long as the protocol stays what it is.
pub fn sample_proof(keys: &ProvingKeys) -> Result<SplitProof> {
    Ok(prove_split(
        keys,
        &sample_witness()?,
        ChaCha20Rng::from_seed([7; 32]),
        |_| (),
    )?)
}

fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

/// The month that is proven.
///
/// # Errors
/// As of [`sample_proof`].
pub fn sample_witness() -> Result<SplitWitness> {
    let terms = EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(B256::from(U256::from(0x6c_6967_6874_u64)))?,
        allowance_secs: 108_000,
        diminishing_ppm: 1_000_000,
    };
    let usages = (1..=5_u32).map(|number| -> Result<Usage> {
        Ok(Usage {
            work: WorkId::try_from(B256::from(U256::from(number) << 200))?,
            seconds: 1000 * number,
            plays: 3 * number,
            price: 1500,
            region: 1_000_000,
            credibility: 1_000_000,
        })
    });
    let usages = usages.collect::<Result<Vec<_>>>()?;
    let secret = Secret::try_from(drawn(3, 0))?;
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(5, slot)).collect();
    let split = Split::new(terms, &secret, &usages, &[3, 17, 64, 65, 127], &blindings)?;
    let subscriptions = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(4, 0), secret.leaf(&terms)])?;
    Ok(SplitWitness::new(
        split,
        secret,
        subscriptions.path(1)?,
        subscriptions.root(),
    )?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use alloy_primitives::Bytes;
    use cwe_srs::{Setup, SrsStore};
    use cwe_usage_circuits::{SRS_K, VerifyingKeys, verify_split};

    use super::*;

    #[test]
    fn the_kept_proof_that_the_contracts_take_holds_natively() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/vectors/split-proof.json");
        let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let proof: Bytes = serde_json::from_value(kept["proof"].clone()).unwrap();
        let public: Vec<B256> = serde_json::from_value(kept["inputs"].clone()).unwrap();
        let witness = sample_witness().unwrap();
        let inputs = witness.inputs();
        assert_eq!(public, inputs.to_elements().map(B256::from));

        let folder = tempfile::tempdir().unwrap();
        let srs = SrsStore::in_folder(Setup::default(), folder.path().into());
        let keys = VerifyingKeys::derive(&srs.params(SRS_K).unwrap()).unwrap();
        verify_split(&keys, inputs, &proof).unwrap();
        let mut changed = proof.to_vec();
        changed[31] ^= 1;
        assert!(verify_split(&keys, inputs, &changed).is_err());
    }
}
