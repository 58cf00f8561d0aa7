//! What a proof of settlement shows.

use alloy_primitives::B256;

use crate::{InputError, SettleError, SettlementProofInput, public_value, settle};

/// An input that no proof can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The bytes are no input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The epoch can't be settled so.
    #[error(transparent)]
    Settle(#[from] SettleError),
}

/// Decodes an input, settles, and returns the proof's public value.
///
/// # Errors
/// [`ProveError`]; any input is allowed.
pub fn prove(input: &[u8]) -> Result<B256, ProveError> {
    let SettlementProofInput { chain_id, inputs, data } = SettlementProofInput::decode(input)?;
    let settled = settle(&inputs, &data)?;
    Ok(public_value(chain_id, &inputs, &settled.settlement))
}
