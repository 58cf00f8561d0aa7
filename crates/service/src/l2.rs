//! The L2 behind a node.

use std::{path::PathBuf, time::Duration};

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    transports::{RpcError, TransportErrorKind},
};
use cwe_bindings::economy::{EconomyAddresses, EconomyFileError};
use cwe_sequencer::{
    ConfigError,
    load::{at_least_one, rejected},
};
use eyre::{Result, WrapErr, ensure, eyre};
use serde::{Deserialize, Serialize};

/// The L2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct L2Section {
    /// `http(s)://` URL of a node.
    pub rpc_url: String,
    /// Chain id that it must have.
    pub chain_id: u64,
    /// File of the economy's addresses.
    pub economy: PathBuf,
    /// Milliseconds before one request is given up.
    pub request_timeout_ms: u64,
    /// Milliseconds between two looks at the chain.
    pub poll_interval_ms: u64,
}

impl Default for L2Section {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:9545".into(),
            chain_id: 51_337,
            economy: "deploy/out/economy-51337.json".into(),
            request_timeout_ms: 10_000,
            poll_interval_ms: 5_000,
        }
    }
}

impl L2Section {
    /// # Errors
    /// [`ConfigError::Rejected`] for the first value that can't work.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.rpc_url.starts_with("http://") && !self.rpc_url.starts_with("https://") {
            return rejected("l2.rpc_url", "must begin with http:// or https://");
        }
        at_least_one("l2.request_timeout_ms", self.request_timeout_ms)?;
        at_least_one("l2.poll_interval_ms", self.poll_interval_ms)
    }

    /// Time between two looks at the chain.
    pub const fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    /// The economy's addresses.
    ///
    /// # Errors
    /// There is no such file, or it is another chain's.
    pub fn addresses(&self) -> Result<EconomyAddresses, EconomyFileError> {
        EconomyAddresses::load(&self.economy, self.chain_id)
    }

    /// Connects and checks that it is the right chain.
    ///
    /// # Errors
    /// The node does not answer, or is another chain's.
    pub async fn connect(&self) -> Result<DynProvider> {
        let url = self.rpc_url.parse().wrap_err("l2.rpc_url is no URL")?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(self.request_timeout_ms))
            .build()
            .wrap_err("setting up HTTP")?;
        let provider = ProviderBuilder::new().connect_reqwest(http, url).erased();
        let asked = provider.get_chain_id().await;
        let found = asked.map_err(|error| eyre!("asking the L2 node for its chain id: {}", node_failure(&error)))?;
        ensure!(
            found == self.chain_id,
            "the L2 node has chain id {found}, l2.chain_id is {}",
            self.chain_id
        );
        Ok(provider)
    }
}

/// Says what failed, and nothing of what was asked: messages of nodes quote calldata, those of HTTP clients the node's
/// URL, which may hold a password.
pub fn node_failure(error: &RpcError<TransportErrorKind>) -> String {
    match error {
        RpcError::ErrorResp(answer) => format!("the node answers with error {}", answer.code),
        RpcError::Transport(TransportErrorKind::HttpError(answer)) => {
            format!("the node answers with HTTP {}", answer.status)
        }
        RpcError::Transport(TransportErrorKind::Custom(cause)) => match cause.downcast_ref::<reqwest::Error>() {
            Some(cause) if cause.is_timeout() => "the node does not answer in time".into(),
            Some(cause) if cause.is_connect() => "the node can't be connected to".into(),
            _ => "the connection to the node fails".into(),
        },
        RpcError::Transport(_) => "the node does not answer".into(),
        _ => "the node's answer makes no sense".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_nodes_failure_quotes_nothing() {
        let answer = r#"{ "code": -32000, "message": "reverted: 0xfeed", "data": "0xfeed" }"#;
        let reason = node_failure(&RpcError::ErrorResp(serde_json::from_str(answer).unwrap()));
        assert!(reason.contains("-32000") && !reason.contains("feed"), "{reason}");
        let reason = node_failure(&TransportErrorKind::custom_str("http://user:password@node 0xfeed"));
        assert!(!reason.contains("password") && !reason.contains("feed"), "{reason}");
    }
}
