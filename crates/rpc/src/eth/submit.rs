//! Taking transactions: `eth_sendRawTransaction`, and `eth_sendRawTransactionSync` of EIP-7966.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{B256, Bytes};
use jsonrpsee::{core::RegisterMethodError, types::Params};

use super::transactions::receipt_of;
use crate::{api::Api, args::Args, error::RpcError, methods::Module, types::receipt::RpcReceipt};

/// Name of the method that submits.
pub(crate) const SEND_RAW_TRANSACTION: &str = "eth_sendRawTransaction";

/// The only parameter of [`SEND_RAW_TRANSACTION`].
pub(crate) fn raw_transaction(params: &Params<'_>) -> Result<Bytes, RpcError> {
    let mut args = Args::new(params)?;
    let raw = args.required()?;
    args.end()?;
    Ok(raw)
}

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.register_async_method(SEND_RAW_TRANSACTION, |params, api, _| async move {
        let raw = raw_transaction(&params)?;
        Ok::<B256, RpcError>(api.chain.submit(raw).await?)
    })?;
    module.register_async_method("eth_sendRawTransactionSync", |params, api, _| async move {
        let mut args = Args::new(&params)?;
        let raw: Bytes = args.required()?;
        let timeout_ms: Option<Milliseconds> = args.optional()?;
        args.end()?;
        send_and_wait(api, raw, timeout_ms.map(|timeout| timeout.0)).await
    })?;
    Ok(())
}

/// A number, or a hexadecimal quantity: clients send both.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(transparent)]
struct Milliseconds(#[serde(with = "alloy::serde::quantity")] u64);

/// Code of EIP-7966 for a transaction that was accepted but not executed in time.
const NOT_YET_EXECUTED: i32 = 4;

async fn send_and_wait(api: Arc<Api>, raw: Bytes, timeout_ms: Option<u64>) -> Result<RpcReceipt, RpcError> {
    let longest = api.config.max_sync_timeout_ms;
    let timeout_ms = timeout_ms
        .filter(|asked| *asked > 0)
        .unwrap_or(api.config.sync_timeout_ms)
        .min(longest);
    let hash = api.chain.submit(raw).await?;
    let inclusion = api.chain.wait_for(hash, Duration::from_millis(timeout_ms)).await?;
    let found = inclusion.map(|inclusion| api.found(inclusion)).transpose()?.flatten();
    found.as_ref().and_then(receipt_of).ok_or_else(|| RpcError::WithCode {
        code: NOT_YET_EXECUTED,
        message: format!("transaction {hash} was accepted but not executed within {timeout_ms} ms"),
        data: Some(hash.to_string()),
    })
}
