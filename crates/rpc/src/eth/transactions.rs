//! Transactions and receipts.

use alloy::{
    eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718},
    primitives::{B256, Bytes, U64},
};
use jsonrpsee::core::RegisterMethodError;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, quick},
    reader::Found,
    types::{
        Position,
        receipt::{Before, RpcReceipt},
        transaction::RpcTransaction,
    },
};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "eth_getTransactionByHash", by_hash)?;
    quick(module, "eth_getRawTransactionByHash", raw_by_hash)?;
    quick(module, "eth_getTransactionReceipt", receipt)?;
    quick(module, "eth_getTransactionByBlockNumberAndIndex", |api, mut args| {
        let id = BlockId::Number(args.required::<BlockNumberOrTag>()?);
        at_index(api, id, args)
    })?;
    quick(module, "eth_getTransactionByBlockHashAndIndex", |api, mut args| {
        let id = BlockId::from(args.required::<B256>()?);
        at_index(api, id, args)
    })
}

fn hash(mut args: Args<'_>) -> Result<B256, RpcError> {
    let hash = args.required()?;
    args.end()?;
    Ok(hash)
}

fn by_hash(api: &Api, args: Args<'_>) -> Result<Option<RpcTransaction>, RpcError> {
    find(api, hash(args)?)
}

/// A transaction, executed or waiting.
pub(super) fn find(api: &Api, hash: B256) -> Result<Option<RpcTransaction>, RpcError> {
    Ok(match api.find(hash)? {
        Some(Found::Open(block, tx)) => Some(RpcTransaction::new(&tx.transaction, Some(Position::open(&block, &tx)))),
        Some(Found::Sealed(block, index)) => block.transaction(index),
        None => api
            .chain
            .pool()
            .by_hash(&hash)
            .map(|tx| RpcTransaction::new(&tx.transaction, None)),
    })
}

fn raw_by_hash(api: &Api, args: Args<'_>) -> Result<Option<Bytes>, RpcError> {
    raw(api, hash(args)?)
}

/// EIP-2718 encoding of a transaction, executed or waiting.
pub(crate) fn raw(api: &Api, hash: B256) -> Result<Option<Bytes>, RpcError> {
    Ok(match api.find(hash)? {
        Some(Found::Open(_, tx)) => Some(tx.transaction.inner().encoded_2718().into()),
        Some(Found::Sealed(block, index)) => block.transactions.get(index).map(|tx| tx.inner().encoded_2718().into()),
        None => api
            .chain
            .pool()
            .by_hash(&hash)
            .map(|tx| tx.transaction.inner().encoded_2718().into()),
    })
}

fn receipt(api: &Api, args: Args<'_>) -> Result<Option<RpcReceipt>, RpcError> {
    Ok(api.find(hash(args)?)?.and_then(|found| receipt_of(&found)))
}

/// Receipt of an executed transaction.
pub(super) fn receipt_of(found: &Found) -> Option<RpcReceipt> {
    match found {
        Found::Open(block, tx) => {
            let before = Before {
                gas_used: tx.receipt.cumulative_gas_used.saturating_sub(tx.gas_used),
                logs: tx.first_log_index,
            };
            Some(RpcReceipt::new(
                &tx.transaction,
                &tx.receipt,
                before,
                Position::open(block, tx),
            ))
        }
        Found::Sealed(block, index) => block.receipt(*index),
    }
}

fn at_index(api: &Api, id: BlockId, mut args: Args<'_>) -> Result<Option<RpcTransaction>, RpcError> {
    let index: U64 = args.required()?;
    args.end()?;
    let Ok(index) = usize::try_from(index) else {
        return Ok(None);
    };
    Ok(api.block_of(id)?.and_then(|block| block.transaction(index)))
}
