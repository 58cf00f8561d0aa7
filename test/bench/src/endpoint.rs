//! JSON-RPC as plainly as possible, so that the client costs little and both chains cost it the same.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, Bytes, U64, U256};
use eyre::{Result, WrapErr, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::token;

const TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A node's JSON-RPC over HTTP with kept connections.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    http: reqwest::Client,
    url: String,
}

impl Endpoint {
    /// A client of `url`; connects with the first request.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).tcp_nodelay(true).build()?;
        Ok(Self { http, url: url.into() })
    }

    /// Where the node listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Calls a method.
    pub(crate) async fn call<T: DeserializeOwned>(&self, method: &str, parameters: Value) -> Result<T> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        let response = self
            .http
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .wrap_err_with(|| format!("sending {method}"))?;
        let mut answer: Value = response
            .json()
            .await
            .wrap_err_with(|| format!("reading the answer to {method}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        serde_json::from_value(answer["result"].take()).wrap_err_with(|| format!("decoding the answer to {method}"))
    }

    /// Calls a method with each of these parameters, in one JSON-RPC batch; answers are in the order of the parameters.
    pub(crate) async fn call_each<T: DeserializeOwned>(&self, method: &str, parameters: Vec<Value>) -> Result<Vec<T>> {
        let calls: Vec<Value> = (0..)
            .zip(parameters)
            .map(|(id, params): (u64, Value)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .collect();
        let response = self.http.post(&self.url).json(&calls).send().await?;
        let mut answers: Vec<Value> = response
            .json()
            .await
            .wrap_err_with(|| format!("reading the answers to {method}"))?;
        answers.sort_by_key(|answer| answer["id"].as_u64());
        answers
            .into_iter()
            .map(|mut answer| {
                if let Some(error) = answer.get("error") {
                    bail!("{method}: {error}");
                }
                Ok(serde_json::from_value(answer["result"].take())?)
            })
            .collect()
    }

    /// Sends a raw transaction.
    pub(crate) async fn send(&self, raw: &Bytes) -> Result<B256> {
        self.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// A transaction's receipt, if there is one.
    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<Value>> {
        self.call("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Next nonce of an account, with what waits.
    pub(crate) async fn nonce(&self, address: Address) -> Result<u64> {
        let nonce: U64 = self
            .call("eth_getTransactionCount", json!([address, "pending"]))
            .await?;
        Ok(nonce.to())
    }

    /// Next nonce of an account by sealed blocks.
    pub(crate) async fn sealed_nonce(&self, address: Address) -> Result<u64> {
        let block: U64 = self.call("eth_blockNumber", json!([])).await?;
        let nonce: U64 = self.call("eth_getTransactionCount", json!([address, block])).await?;
        Ok(nonce.to())
    }

    /// Balance of an account.
    pub(crate) async fn balance(&self, address: Address) -> Result<U256> {
        self.call("eth_getBalance", json!([address, "latest"])).await
    }

    /// Tokens of one holder.
    pub(crate) async fn token_balance(&self, token: Address, holder: Address) -> Result<U256> {
        let call = json!({ "to": token, "data": token::balance_of(holder) });
        self.call("eth_call", json!([call, "latest"])).await
    }

    /// Tokens of several holders, in one request.
    pub(crate) async fn token_balances(&self, token: Address, holders: &[Address]) -> Result<Vec<U256>> {
        let calls = holders
            .iter()
            .map(|holder| json!([{ "to": token, "data": token::balance_of(*holder) }, "latest"]))
            .collect();
        let balances: Vec<U256> = self.call_each("eth_call", calls).await?;
        if balances.len() != holders.len() {
            bail!("{} balances of {} holders", balances.len(), holders.len());
        }
        Ok(balances)
    }

    /// Waits for a receipt and refuses a failed transaction.
    pub(crate) async fn wait(&self, hash: B256, limit: Duration) -> Result<Value> {
        let started = Instant::now();
        loop {
            if let Some(receipt) = self.receipt(hash).await? {
                if receipt["status"] != "0x1" {
                    bail!("transaction {hash} failed");
                }
                return Ok(receipt);
            }
            if started.elapsed() > limit {
                bail!("transaction {hash} has no receipt after {} s", limit.as_secs());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
