//! Encodings as they are hashed: `debug_getRawBlock`, `…Header`, `…Receipts`, `…Transaction`.

use std::sync::Arc;

use alloy::{
    consensus::TxReceipt,
    eips::{BlockId, eip2718::Encodable2718},
    primitives::{B256, Bytes},
};
use cwe_primitives::Receipt;
use jsonrpsee::core::RegisterMethodError;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    eth::raw_transaction,
    methods::{Module, quick},
    types::block::BlockView,
};

/// Registers the methods.
pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "debug_getRawBlock", |api, args| {
        Ok::<Bytes, _>(alloy::rlp::encode(block(api, args)?.consensus()).into())
    })?;
    quick(module, "debug_getRawHeader", |api, args| {
        Ok::<Bytes, _>(alloy::rlp::encode(&block(api, args)?.header).into())
    })?;
    quick(module, "debug_getRawReceipts", |api, args| {
        let block = block(api, args)?;
        Ok(block.receipts.iter().map(encoded).collect::<Vec<Bytes>>())
    })?;
    quick(module, "debug_getRawTransaction", |api, mut args| {
        let hash: B256 = args.required()?;
        args.end()?;
        Ok(raw_transaction(api, hash)?.unwrap_or_default())
    })
}

fn block(api: &Api, mut args: Args<'_>) -> Result<Arc<BlockView>, RpcError> {
    let id: BlockId = args.required()?;
    args.end()?;
    api.block_of(id)?
        .ok_or_else(|| RpcError::NotFound(format!("block {id} not found")))
}

fn encoded(receipt: &Receipt) -> Bytes {
    receipt.with_bloom_ref().encoded_2718().into()
}
