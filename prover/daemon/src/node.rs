//! The L2 node, as the planner asks it. Nothing it says is believed without L1: batches are compared with the hashes that
//! `Rollup` has stored, inputs are executed.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U64};
use cwe_primitives::{BatchCommitment, DataLocation, QueueHash};
use jsonrpsee::{
    core::{ClientError, client::ClientT, params::ArrayParams},
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
    types::error::OVERSIZED_RESPONSE_CODE,
};
use serde::{Deserialize, de::DeserializeOwned};

/// Most bytes of an answer: an input of half a GiB, in hex.
const MAX_ANSWER_BYTES: u32 = 1 << 30;

/// An answer of the node that can't be had or used.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configured URL is none.
    #[error("node_url is not usable: {0}")]
    BadUrl(String),
    /// No answer.
    #[error("the node does not answer {method}: {reason}")]
    Unreachable {
        /// JSON-RPC method.
        method: &'static str,
        /// What the transport said.
        reason: String,
    },
    /// The node answered with an error.
    #[error("the node refuses {method}: {message} (code {code})")]
    Refused {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i32,
        /// Its message.
        message: String,
    },
    /// The answer is longer than the node may send.
    #[error(
        "the answer to {0} is longer than the node may send: raise rpc.max_response_bytes in the node's configuration"
    )]
    TooLarge(&'static str),
    /// The node has no such batch.
    #[error("the node does not know batch {0} yet")]
    NoBatch(u64),
    /// A batch that it says is another one than it claims.
    #[error("the node's batch {index} does not hash to {hash}")]
    WrongHash {
        /// Batch.
        index: u64,
        /// The hash that it gives.
        hash: B256,
    },
}

/// Client of the node.
#[derive(Debug, Clone)]
pub struct NodeClient {
    http: HttpClient,
}

/// `cwe_getBatch`, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeBatch {
    index: U64,
    hash: B256,
    parent_batch_hash: B256,
    first_block: U64,
    last_block: U64,
    last_timestamp: U64,
    parent_block_hash: B256,
    block_hash: B256,
    state_root: B256,
    withdrawal_root: B256,
    messages_before: U64,
    messages_after: U64,
    queue_hash_before: B256,
    queue_hash_after: B256,
    data_hash: B256,
    blobs: Option<Vec<B256>>,
}

impl NodeBatch {
    fn commitment(self) -> Result<BatchCommitment, NodeError> {
        let commitment = BatchCommitment {
            parent_batch_hash: self.parent_batch_hash,
            index: self.index.to(),
            first_block: self.first_block.to(),
            last_block: self.last_block.to(),
            last_timestamp: self.last_timestamp.to(),
            parent_block_hash: self.parent_block_hash,
            block_hash: self.block_hash,
            state_root: self.state_root,
            withdrawal_root: self.withdrawal_root,
            queue_before: QueueHash {
                next_index: self.messages_before.to(),
                hash: self.queue_hash_before,
            },
            queue_after: QueueHash {
                next_index: self.messages_after.to(),
                hash: self.queue_hash_after,
            },
            data: self
                .blobs
                .map_or(DataLocation::Calldata(self.data_hash), DataLocation::Blobs),
        };
        if commitment.hash() == self.hash {
            Ok(commitment)
        } else {
            Err(NodeError::WrongHash {
                index: commitment.index,
                hash: self.hash,
            })
        }
    }
}

impl NodeClient {
    /// A client of the node at `url`; each request is given up after `timeout`.
    ///
    /// # Errors
    /// [`NodeError::BadUrl`].
    pub fn new(url: &str, timeout: Duration) -> Result<Self, NodeError> {
        let http = HttpClientBuilder::default()
            .max_response_size(MAX_ANSWER_BYTES)
            .request_timeout(timeout)
            .build(url)
            .map_err(|error| NodeError::BadUrl(error.to_string()))?;
        Ok(Self { http })
    }

    /// Chain id of the L2.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn chain_id(&self) -> Result<u64, NodeError> {
        let id: U64 = self.ask("eth_chainId", rpc_params![]).await?;
        Ok(id.to())
    }

    /// A batch.
    ///
    /// # Errors
    /// [`NodeError::NoBatch`] and others.
    pub async fn batch(&self, index: u64) -> Result<BatchCommitment, NodeError> {
        let batch: Option<NodeBatch> = self.ask("cwe_getBatch", rpc_params![index]).await?;
        let batch = batch.ok_or(NodeError::NoBatch(index))?.commitment()?;
        if batch.index == index {
            Ok(batch)
        } else {
            Err(NodeError::NoBatch(index))
        }
    }

    /// The encoded input of a proof of batches `first` to `last` by `prover`.
    ///
    /// # Errors
    /// [`NodeError::TooLarge`] and others.
    pub async fn proof_input(&self, first: u64, last: u64, prover: Address) -> Result<Bytes, NodeError> {
        self.ask("cwe_proofInput", rpc_params![first, last, prover]).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: ArrayParams) -> Result<T, NodeError> {
        let answer = self.http.request(method, params).await;
        answer.map_err(|error| match error {
            ClientError::Call(error) if error.code() == OVERSIZED_RESPONSE_CODE => NodeError::TooLarge(method),
            ClientError::Call(error) => NodeError::Refused {
                method,
                code: error.code(),
                message: error.message().to_owned(),
            },
            other => NodeError::Unreachable {
                method,
                reason: other.to_string(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = r#"{"index":"0x1","hash":"HASH",
        "parentBatchHash":"0x0000000000000000000000000000000000000000000000000000000000000001",
        "firstBlock":"0x1","lastBlock":"0x2","lastTimestamp":"0x3",
        "parentBlockHash":"0x0000000000000000000000000000000000000000000000000000000000000002",
        "blockHash":"0x0000000000000000000000000000000000000000000000000000000000000003",
        "stateRoot":"0x0000000000000000000000000000000000000000000000000000000000000004",
        "withdrawalRoot":"0x0000000000000000000000000000000000000000000000000000000000000005",
        "messagesBefore":"0x0","messagesAfter":"0x0",
        "queueHashBefore":"0x0000000000000000000000000000000000000000000000000000000000000000",
        "queueHashAfter":"0x0000000000000000000000000000000000000000000000000000000000000000",
        "dataHash":"0x0000000000000000000000000000000000000000000000000000000000000006",
        "blobs":null,"status":"committed"}"#;

    fn read(hash: B256) -> Result<BatchCommitment, NodeError> {
        let batch: NodeBatch = serde_json::from_str(&BATCH.replace("HASH", &hash.to_string())).unwrap();
        batch.commitment()
    }

    #[test]
    fn a_batch_is_taken_only_if_its_fields_give_its_hash() {
        let Err(NodeError::WrongHash { index: 1, .. }) = read(B256::ZERO) else {
            panic!("believed");
        };
        let mut expected = crate::job::testing::batch_after(None, 3);
        expected.parent_batch_hash = B256::with_last_byte(1);
        (expected.first_block, expected.last_block, expected.last_timestamp) = (1, 2, 3);
        expected.parent_block_hash = B256::with_last_byte(2);
        expected.block_hash = B256::with_last_byte(3);
        expected.state_root = B256::with_last_byte(4);
        expected.withdrawal_root = B256::with_last_byte(5);
        expected.data = DataLocation::Calldata(B256::with_last_byte(6));
        assert_eq!(read(expected.hash()).unwrap(), expected);
    }
}
