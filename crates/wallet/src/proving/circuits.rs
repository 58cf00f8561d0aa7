//! The real proofs, by `cwe-usage-circuits`.

use std::cell::RefCell;

use cwe_usage_circuits as circuits;
use cwe_usage_circuits::{ProofStage, ProvingKeys};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use zeroize::Zeroizing;

use super::{ProverError, RevealWitness, SplitWitness, UsageProver};
use crate::entropy::Entropy;

/// Makes proofs with the keys of both circuits.
#[derive(Debug)]
pub struct CircuitProver<E> {
    keys: ProvingKeys,
    entropy: RefCell<E>,
}

impl<E: Entropy> CircuitProver<E> {
    /// A prover that blinds its proofs with `entropy`.
    pub const fn new(keys: ProvingKeys, entropy: E) -> Self {
        Self {
            keys,
            entropy: RefCell::new(entropy),
        }
    }

    /// What proofs are made with.
    pub const fn keys(&self) -> &ProvingKeys {
        &self.keys
    }

    /// A generator of its own for each proof: one that fails half-way could only panic.
    fn generator(&self) -> Result<ChaCha20Rng, ProverError> {
        let mut seed = Zeroizing::new([0; 32]);
        self.entropy.borrow_mut().fill(&mut *seed).map_err(failed)?;
        Ok(ChaCha20Rng::from_seed(*seed))
    }
}

impl<E: Entropy> UsageProver for CircuitProver<E> {
    fn prove_split(&self, witness: SplitWitness<'_>, progress: &mut dyn FnMut(u32)) -> Result<Vec<u8>, ProverError> {
        let witness = circuits::SplitWitness::new(
            witness.split.clone(),
            witness.secret.clone(),
            witness.subscription.clone(),
            witness.subscription_root,
        )
        .map_err(failed)?;
        let report = |stage| progress(thousandths(stage));
        let proof = circuits::prove_split(&self.keys, &witness, self.generator()?, report).map_err(failed)?;
        progress(1000);
        Ok(proof.bytes)
    }

    fn prove_reveal(&self, witness: RevealWitness<'_>) -> Result<Vec<u8>, ProverError> {
        let terms = witness.terms;
        let witness = circuits::RevealWitness::new(
            terms.epoch,
            terms.key,
            terms.tier,
            *witness.note,
            witness.path.clone(),
            witness.note_root,
        )
        .map_err(failed)?;
        let proof = circuits::prove_reveal(&self.keys, &witness, self.generator()?, |_| {}).map_err(failed)?;
        Ok(proof.bytes)
    }
}

/// About how much of the time is over when a stage begins.
const fn thousandths(stage: ProofStage) -> u32 {
    match stage {
        ProofStage::Witness => 0,
        ProofStage::Proof => 50,
        ProofStage::Check => 980,
    }
}

fn failed(error: impl std::fmt::Display) -> ProverError {
    ProverError(error.to_string())
}
