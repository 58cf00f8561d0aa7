//! Balances, nonces, code, storage.

use alloy::serde::JsonStorageKey;
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256},
};
use jsonrpsee::core::RegisterMethodError;
use revm::DatabaseRef;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, quick},
};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "eth_getBalance", balance)?;
    quick(module, "eth_getTransactionCount", transaction_count)?;
    quick(module, "eth_getCode", code)?;
    quick(module, "eth_getStorageAt", storage_at)
}

fn address_and_block(mut args: Args<'_>) -> Result<(Address, BlockId), RpcError> {
    let address = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    args.end()?;
    Ok((address, id.unwrap_or_default()))
}

fn balance(api: &Api, args: Args<'_>) -> Result<U256, RpcError> {
    let (address, id) = address_and_block(args)?;
    let account = api.state_at(id)?.state.account(address)?;
    Ok(account.map_or(U256::ZERO, |account| account.balance))
}

fn transaction_count(api: &Api, args: Args<'_>) -> Result<U64, RpcError> {
    let (address, id) = address_and_block(args)?;
    if id == BlockId::pending() {
        return Ok(U64::from(api.chain.pending_nonce(address)?));
    }
    let account = api.state_at(id)?.state.account(address)?;
    Ok(U64::from(account.map_or(0, |account| account.nonce)))
}

fn code(api: &Api, args: Args<'_>) -> Result<Bytes, RpcError> {
    let (address, id) = address_and_block(args)?;
    let state = api.state_at(id)?.state;
    match state.account(address)? {
        Some(account) if account.code_hash != KECCAK256_EMPTY => {
            Ok(state.code_by_hash_ref(account.code_hash)?.original_bytes())
        }
        _ => Ok(Bytes::new()),
    }
}

fn storage_at(api: &Api, mut args: Args<'_>) -> Result<B256, RpcError> {
    let address: Address = args.required()?;
    let slot: JsonStorageKey = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    args.end()?;
    let state = api.state_at(id.unwrap_or_default())?.state;
    Ok(state.storage_ref(address, slot.as_b256().into())?.into())
}
