//! `cwe_proofInput`: what a prover needs of a run of batches.

use alloy::primitives::{Address, Bytes};
use cwe_chain::{ProofInputError, proof_input};

use super::batch::Index;
use crate::{api::Api, args::Args, error::RpcError};

/// Batches by index, both included, and who may submit the proof.
pub(super) struct InputArgs {
    first: u64,
    last: u64,
    prover: Address,
}

impl InputArgs {
    pub(super) fn parse(mut args: Args<'_>) -> Result<Self, RpcError> {
        let (first, last): (Index, Index) = (args.required()?, args.required()?);
        let prover = args.required()?;
        args.end()?;
        Ok(Self {
            first: first.into(),
            last: last.into(),
            prover,
        })
    }
}

/// The input, encoded for the guest program.
pub(super) fn encode(api: &Api, args: InputArgs) -> Result<Bytes, RpcError> {
    let InputArgs { first, last, prover } = args;
    let input = proof_input(api.chain.db(), api.chain.spec(), first..=last, prover)?;
    Ok(input.encode().into())
}

impl From<ProofInputError> for RpcError {
    fn from(error: ProofInputError) -> Self {
        let text = error.to_string();
        match error {
            ProofInputError::Range { .. } => Self::InvalidParams(text),
            ProofInputError::NoBatch(_) | ProofInputError::NoData(_) | ProofInputError::History(_) => {
                Self::NotFound(text)
            }
            ProofInputError::Storage(_) | ProofInputError::Execution(_) | ProofInputError::Mismatch(_) => {
                Self::Internal(text)
            }
        }
    }
}
