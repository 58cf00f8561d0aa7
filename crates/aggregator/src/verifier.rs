//! Checking Reveal proofs, many in one pairing.

use std::sync::Arc;

use cwe_usage_circuits::{RevealProof, VerifyingKeys, verify_reveal, verify_reveals};

/// Checks Reveal proofs.
#[derive(Debug, Clone)]
pub struct RevealVerifier {
    keys: Arc<VerifyingKeys>,
}

impl RevealVerifier {
    /// A verifier with these keys.
    pub fn new(keys: VerifyingKeys) -> Self {
        Self { keys: Arc::new(keys) }
    }

    /// Which of these proofs hold: all at once, and only where that fails one by one. Blocks.
    pub(crate) fn holding(&self, proofs: &[RevealProof]) -> Vec<bool> {
        if verify_reveals(&self.keys, proofs).is_ok() {
            return vec![true; proofs.len()];
        }
        proofs.iter().map(|proof| self.holds(proof)).collect()
    }

    /// Whether one proof holds. Blocks.
    pub(crate) fn holds(&self, proof: &RevealProof) -> bool {
        verify_reveal(&self.keys, &proof.inputs, &proof.bytes).is_ok()
    }

    /// As [`holding`](Self::holding), on threads that may block. A proof on which the library fails does not hold, and
    /// takes no other one with it.
    pub(crate) async fn check(&self, proofs: Arc<[RevealProof]>) -> Vec<bool> {
        let (verifier, all) = (self.clone(), proofs.clone());
        if let Ok(holding) = tokio::task::spawn_blocking(move || verifier.holding(&all)).await {
            return holding;
        }
        let mut holding = Vec::with_capacity(proofs.len());
        for position in 0..proofs.len() {
            let (verifier, all) = (self.clone(), proofs.clone());
            let one = move || all.get(position).is_some_and(|proof| verifier.holds(proof));
            holding.push(tokio::task::spawn_blocking(one).await.unwrap_or(false));
        }
        holding
    }
}
