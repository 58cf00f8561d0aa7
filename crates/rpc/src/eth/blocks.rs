//! Blocks and their parts.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{B256, U64},
};
use jsonrpsee::core::RegisterMethodError;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, quick},
    types::{
        block::{BlockView, RpcBlock},
        receipt::RpcReceipt,
    },
};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "eth_getBlockByNumber", |api, args| block(api, args, number))?;
    quick(module, "eth_getBlockByHash", |api, args| block(api, args, hash))?;
    quick(module, "eth_getHeaderByNumber", |api, mut args| {
        let id = number(&mut args)?;
        args.end()?;
        Ok(api.block_of(id)?.map(|block| block.rpc_header()))
    })?;
    quick(module, "eth_getHeaderByHash", |api, mut args| {
        let id = hash(&mut args)?;
        args.end()?;
        Ok(api.block_of(id)?.map(|block| block.rpc_header()))
    })?;
    quick(module, "eth_getBlockTransactionCountByNumber", |api, args| {
        count(api, args, number, |block| block.transactions.len())
    })?;
    quick(module, "eth_getBlockTransactionCountByHash", |api, args| {
        count(api, args, hash, |block| block.transactions.len())
    })?;
    quick(module, "eth_getUncleCountByBlockNumber", |api, args| {
        count(api, args, number, |_| 0)
    })?;
    quick(module, "eth_getUncleCountByBlockHash", |api, args| {
        count(api, args, hash, |_| 0)
    })?;
    quick(module, "eth_getUncleByBlockNumberAndIndex", |_, args| {
        uncle(args, number)
    })?;
    quick(module, "eth_getUncleByBlockHashAndIndex", |_, args| uncle(args, hash))?;
    quick(module, "eth_getBlockReceipts", receipts)
}

/// How a method names its block.
type Naming = fn(&mut Args<'_>) -> Result<BlockId, RpcError>;

fn number(args: &mut Args<'_>) -> Result<BlockId, RpcError> {
    args.required::<BlockNumberOrTag>().map(BlockId::Number)
}

fn hash(args: &mut Args<'_>) -> Result<BlockId, RpcError> {
    args.required::<B256>().map(BlockId::from)
}

fn block(api: &Api, mut args: Args<'_>, naming: Naming) -> Result<Option<RpcBlock>, RpcError> {
    let id = naming(&mut args)?;
    let full: Option<bool> = args.optional()?;
    args.end()?;
    Ok(api.block_of(id)?.map(|block| block.rpc_block(full.unwrap_or(false))))
}

fn count(api: &Api, mut args: Args<'_>, naming: Naming, of: fn(&BlockView) -> usize) -> Result<Option<U64>, RpcError> {
    let id = naming(&mut args)?;
    args.end()?;
    Ok(api.block_of(id)?.map(|block: Arc<BlockView>| U64::from(of(&block))))
}

/// There are no uncles on this chain.
fn uncle(mut args: Args<'_>, naming: Naming) -> Result<Option<()>, RpcError> {
    naming(&mut args)?;
    args.required::<U64>()?;
    args.end()?;
    Ok(None)
}

fn receipts(api: &Api, mut args: Args<'_>) -> Result<Option<Vec<RpcReceipt>>, RpcError> {
    let id: BlockId = args.required()?;
    args.end()?;
    Ok(api.block_of(id)?.map(|block| block.all_receipts()))
}
