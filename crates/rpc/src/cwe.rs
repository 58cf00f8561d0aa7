//! `cwe_*`: batches and what proves them, withdrawals, the node's place between L1 and L2.

mod batch;
mod proof_input;
mod withdrawal;

use alloy::primitives::U64;
use cwe_primitives::ChainSpec;
use cwe_storage::{L1Block, L1Stream};
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

pub(crate) use withdrawal::TreeCache;

use crate::{
    L1Contracts,
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy, quick},
};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "cwe_getBatch", batch::by_index)?;
    quick(module, "cwe_batchOfBlock", batch::of_block)?;
    quick(module, "cwe_batchStatus", batch::status)?;
    heavy(
        module,
        "cwe_withdrawalProof",
        withdrawal::ProofArgs::parse,
        withdrawal::prove,
    )?;
    heavy(
        module,
        "cwe_proofInput",
        proof_input::InputArgs::parse,
        proof_input::encode,
    )?;
    quick(module, "cwe_syncStatus", sync_status)?;
    quick(module, "cwe_l1Contracts", |api, args| {
        args.end()?;
        Ok(api.node.l1_contracts.clone().map(|contracts| L1Info {
            chain_id: api.node.l1_chain_id.map(U64::from),
            contracts,
        }))
    })?;
    quick(module, "cwe_chainSpec", |api, args| {
        args.end()?;
        let spec = api.chain.spec().clone();
        let genesis_hash = api.chain.db().genesis_hash()?;
        Ok(ChainInfo { genesis_hash, spec })
    })
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChainInfo {
    genesis_hash: Option<alloy::primitives::B256>,
    #[serde(flatten)]
    spec: ChainSpec,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct L1Info {
    chain_id: Option<U64>,
    #[serde(flatten)]
    contracts: L1Contracts,
}

/// How far this node, the chain and L1 are from each other.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SyncStatus {
    role: &'static str,
    latest_block: U64,
    safe_block: U64,
    finalized_block: U64,
    open_block: Option<OpenBlock>,
    /// Newest L2 block that L1 is known to have.
    sync_target: Option<U64>,
    latest_batch: Option<U64>,
    l1_head: Option<U64>,
    l1_inbox_block: Option<U64>,
    l1_rollup_block: Option<U64>,
    /// L1 messages known to the node.
    messages_known: U64,
    /// Of them, those in sealed blocks.
    messages_included: U64,
    pool_transactions: U64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenBlock {
    number: U64,
    transactions: U64,
    gas_used: U64,
}

fn sync_status(api: &Api, args: Args<'_>) -> Result<SyncStatus, RpcError> {
    args.end()?;
    let heads = api.chain.heads();
    let snapshot = api.chain.db().latest()?;
    let status = *api.node.status.borrow();
    let block_of = |cursor: Option<L1Block>| cursor.map(|at| U64::from(at.number));
    Ok(SyncStatus {
        role: if status.sequencer { "sequencer" } else { "node" },
        latest_block: U64::from(heads.latest),
        safe_block: U64::from(heads.safe),
        finalized_block: U64::from(heads.finalized),
        open_block: api.chain.pending().map(|block| OpenBlock {
            number: U64::from(block.number()),
            transactions: U64::from(block.len()),
            gas_used: U64::from(block.gas_used()),
        }),
        sync_target: status.sync_target.map(U64::from),
        latest_batch: snapshot.latest_batch()?.map(|batch| U64::from(batch.commitment.index)),
        l1_head: status.l1_head.map(U64::from),
        l1_inbox_block: block_of(snapshot.l1_cursor(L1Stream::Inbox)?),
        l1_rollup_block: block_of(snapshot.l1_cursor(L1Stream::Rollup)?),
        messages_known: U64::from(snapshot.l1_queue_tip()?.next_index),
        messages_included: U64::from(snapshot.queue_after(snapshot.number())?.unwrap_or_default().next_index),
        pool_transactions: U64::from(api.chain.pool().len()),
    })
}
