//! What the contract that takes aggregates has to know of Reveal proofs.

use alloy_primitives::B256;
use cwe_usage_circuits::{CircuitVerifyingKey, REVEAL_INPUTS, g2_words};

use crate::GeneratorError;

/// The Reveal circuit's verifying key by its hash, and `[s]₂` of its reference string, as JSON.
///
/// # Errors
/// [`GeneratorError::RevealKey`].
pub fn reveal_key(key: &CircuitVerifyingKey, srs: &str) -> Result<String, GeneratorError> {
    let hash = key.portable(REVEAL_INPUTS)?.hash();
    let s_g2 = g2_words(&key.srs).map(B256::from);
    let json = serde_json::json!({ "keyHash": hash, "sG2": s_g2, "srs": srs });
    Ok(format!("{json:#}\n"))
}
