//! What the commands ask an L2 node beyond what alloy's Ethereum types can hold: receipts of L1 messages, `cwe_*`.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{B256, U64},
    providers::{DynProvider, Provider},
};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, de::DeserializeOwned};

/// How often a node is asked again.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The part of a receipt that every transaction type has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnyReceipt {
    status: U64,
    /// Block that holds the transaction.
    pub block_number: U64,
}

impl AnyReceipt {
    /// Whether the call succeeded.
    pub(crate) fn succeeded(&self) -> bool {
        self.status == U64::from(1)
    }
}

/// Calls a method that alloy has no name for.
///
/// # Errors
/// The node refuses, or answers with something else.
pub(crate) async fn call<T: DeserializeOwned + std::fmt::Debug + Send + Sync + Unpin + 'static>(
    l2: &DynProvider,
    method: &'static str,
    parameters: serde_json::Value,
) -> Result<T> {
    l2.raw_request(method.into(), parameters)
        .await
        .wrap_err_with(|| format!("calling {method}"))
}

/// Waits until a transaction is in a block.
///
/// # Errors
/// `limit` is over, or the node fails.
pub(crate) async fn wait_for_receipt(l2: &DynProvider, transaction: B256, limit: Duration) -> Result<AnyReceipt> {
    let started = Instant::now();
    loop {
        let receipt: Option<AnyReceipt> =
            call(l2, "eth_getTransactionReceipt", serde_json::json!([transaction])).await?;
        if let Some(receipt) = receipt {
            return Ok(receipt);
        }
        if started.elapsed() > limit {
            bail!(
                "{transaction} is not on L2 after {} s; look again later with `cwe status`",
                limit.as_secs()
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
