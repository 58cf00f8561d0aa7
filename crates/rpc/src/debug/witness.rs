//! `debug_executionWitness`: all that is needed to execute a block without the database.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::Bytes,
};
use cwe_chain::proof_input::block_input;
use cwe_executor::{Parent, record_witness};
use cwe_storage::StorageError;
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy},
};

/// The witness, with the names that other clients use.
#[derive(Debug, Clone, Serialize)]
struct ExecutionWitness {
    /// RLP of trie nodes.
    state: Vec<Bytes>,
    /// Contract codes.
    codes: Vec<Bytes>,
    /// Not needed: trie nodes are found by hash.
    keys: [Bytes; 0],
    /// RLP of headers, the parent's last.
    headers: Vec<Bytes>,
}

/// Registers the method.
pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "debug_executionWitness", parse, witness)
}

fn parse(mut args: Args<'_>) -> Result<BlockNumberOrTag, RpcError> {
    let tag = args.required()?;
    args.end()?;
    Ok(tag)
}

fn witness(api: &Api, tag: BlockNumberOrTag) -> Result<ExecutionWitness, RpcError> {
    let number = api.sealed_number(tag);
    let below = number
        .checked_sub(1)
        .ok_or_else(|| RpcError::Rejected("genesis has no witness".into()))?;
    let block = api
        .block_of(BlockId::from(number))?
        .ok_or_else(|| RpcError::NotFound(format!("block {number} not found")))?;
    let state = api.sealed_state(below)?.state;
    let snapshot = &**state.sealed();
    let queue = snapshot
        .queue_after(below)?
        .ok_or_else(|| RpcError::internal("a block has no queue hash"))?;
    let (header, hash) = snapshot.head().clone().into_parts();
    let parent = Parent { header, hash, queue };
    let ancestor = |number| {
        let header = snapshot.header(number)?;
        header
            .map(|header| header.into_inner())
            .ok_or_else(|| StorageError::MissingRow {
                what: format!("header {number}"),
            })
    };
    let block = block_input(block.header.timestamp, block.transactions.iter().cloned());
    let (witness, _) =
        record_witness(api.chain.spec(), &parent, [block], snapshot, ancestor).map_err(RpcError::internal)?;
    Ok(ExecutionWitness {
        state: witness.nodes,
        codes: witness.codes,
        keys: [],
        headers: witness
            .headers
            .iter()
            .map(|header| alloy::rlp::encode(header).into())
            .collect(),
    })
}
