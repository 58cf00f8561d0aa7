//! What chain this is: `eth_chainId`, `eth_blockNumber`, `eth_syncing`, and what wallets ask besides.

use alloy::primitives::{Address, U64, U256};
use cwe_primitives::{
    chain::FEE_RECIPIENT,
    predeploys::{HISTORY_STORAGE, POSEIDON},
};
use jsonrpsee::core::RegisterMethodError;
use revm::precompile::Precompiles;
use serde_json::{Value, json};

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, quick},
};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "eth_chainId", |api, args| {
        args.end()?;
        Ok(U64::from(api.chain.spec().chain_id))
    })?;
    quick(module, "eth_blockNumber", |api, args| {
        args.end()?;
        Ok(U64::from(api.chain.heads().latest))
    })?;
    quick(module, "eth_syncing", syncing)?;
    // Keys are the wallet's business: the node holds none.
    quick(module, "eth_accounts", |_, args| {
        args.end()?;
        Ok(Vec::<Address>::new())
    })?;
    quick(module, "eth_coinbase", |_, args| {
        args.end()?;
        Ok(FEE_RECIPIENT)
    })?;
    quick(module, "eth_mining", |_, args| {
        args.end()?;
        Ok(false)
    })?;
    quick(module, "eth_hashrate", |_, args| {
        args.end()?;
        Ok(U64::ZERO)
    })?;
    quick(module, "eth_protocolVersion", |_, args| {
        args.end()?;
        Ok(U64::from(68))
    })?;
    quick(module, "eth_config", config)
}

fn syncing(api: &Api, args: Args<'_>) -> Result<Value, RpcError> {
    args.end()?;
    Ok(progress(api))
}

/// `false`, or how far the node is behind what L1 has.
pub(super) fn progress(api: &Api) -> Value {
    let latest = api.chain.heads().latest;
    match api.node.sync_target() {
        Some(target) if target > latest => {
            json!({ "startingBlock": U64::ZERO, "currentBlock": U64::from(latest), "highestBlock": U64::from(target) })
        }
        _ => json!(false),
    }
}

/// Precompiles by name.
fn precompiles() -> serde_json::Map<String, Value> {
    let ethereum = Precompiles::osaka()
        .inner()
        .iter()
        .map(|(address, precompile)| (precompile.id().name(), *address));
    ethereum
        .map(|(name, address)| (name.to_owned(), json!(address)))
        .chain([("POSEIDON".to_owned(), json!(POSEIDON))])
        .collect()
}

/// EIP-7910: one fork, from genesis on.
fn config(api: &Api, args: Args<'_>) -> Result<Value, RpcError> {
    args.end()?;
    let current = json!({
        "activationTime": 0,
        "blobSchedule": Value::Null,
        "chainId": U256::from(api.chain.spec().chain_id),
        "forkId": Value::Null,
        "precompiles": precompiles(),
        "systemContracts": { "HISTORY_STORAGE_ADDRESS": HISTORY_STORAGE },
    });
    Ok(json!({ "current": current, "next": Value::Null, "last": Value::Null }))
}
