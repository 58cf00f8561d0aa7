//! `eth_getProof` (EIP-1186).

use alloy::{
    eips::BlockId,
    primitives::{Address, U256, keccak256},
    rpc::types::{EIP1186AccountProofResponse, EIP1186StorageProof},
    serde::JsonStorageKey,
};
use cwe_storage::Snapshot;
use cwe_trie::{EMPTY_ROOT_HASH, account_proof, storage_proof};
use jsonrpsee::core::RegisterMethodError;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy},
};

/// Most slots of one question, as geth.
const MAX_SLOTS: usize = 1024;

/// Registers the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_getProof", parse, prove)
}

type ProofArgs = (Address, Vec<JsonStorageKey>, BlockId);

fn parse(mut args: Args<'_>) -> Result<ProofArgs, RpcError> {
    let address = args.required()?;
    let slots: Vec<JsonStorageKey> = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    args.end()?;
    if slots.len() > MAX_SLOTS {
        return Err(RpcError::InvalidParams(format!(
            "too many keys (requested {}, max {MAX_SLOTS})",
            slots.len()
        )));
    }
    Ok((address, slots, id.unwrap_or_default()))
}

fn prove(api: &Api, (address, slots, id): ProofArgs) -> Result<EIP1186AccountProofResponse, RpcError> {
    // The open block has no state root yet: what can be proven is what is sealed.
    let number = api.sealed_number_of(id)?;
    let number = number.ok_or_else(|| RpcError::NotFound(format!("header not found: {id}")))?;
    let state = api.sealed_state(number)?.state;
    let snapshot: &Snapshot = state.sealed();
    let owner = keccak256(address);
    let proven = account_proof(snapshot, snapshot.state_root(), owner).map_err(RpcError::internal)?;
    let storage_hash = proven.leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
    let account = proven.leaf.map(|leaf| leaf.account).unwrap_or_default();
    let storage_proof = slots
        .into_iter()
        .map(|key| {
            let slot: U256 = key.as_b256().into();
            let proven = storage_proof(snapshot, owner, storage_hash, slot).map_err(RpcError::internal)?;
            Ok(EIP1186StorageProof {
                key,
                value: proven.value,
                proof: proven.nodes,
            })
        })
        .collect::<Result<Vec<_>, RpcError>>()?;
    Ok(EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash,
        account_proof: proven.nodes,
        storage_proof,
    })
}
