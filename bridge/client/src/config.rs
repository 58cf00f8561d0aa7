//! What the L1 tasks need to know.

use std::{fmt, str::FromStr, time::Duration};

use alloy::primitives::Address;
use cwe_chain::BatchingConfig;
use cwe_primitives::blob::BLOB_DATA;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::FeeCaps;

/// The L1 and our contracts on it.
#[derive(Debug, Clone)]
pub struct L1Config {
    /// `http(s)://` or `ws(s)://` URL of an execution node. May hold an access key: it is never logged.
    pub rpc_url: String,
    /// Chain id the L1 must have.
    pub chain_id: u64,
    /// `Rollup` contract.
    pub rollup: Address,
    /// `Inbox` contract.
    pub inbox: Address,
    /// L1 block in which the contracts were deployed: logs are read from here on.
    pub start_block: u64,
    /// How deep an L1 block must be before it counts.
    pub confirmation: ConfirmationPolicy,
    /// Time between two looks at the L1.
    pub poll_interval: Duration,
    /// Time before one request is given up.
    pub request_timeout: Duration,
    /// Most L1 blocks in one request for logs.
    pub log_range_blocks: u64,
}

/// How the poster pays and what it posts.
#[derive(Debug, Clone)]
pub struct PosterConfig {
    /// Where batch data goes.
    pub data: DataPolicy,
    /// When a batch is due, and its limits; `blobs` is decided by `data`.
    pub batching: BatchingConfig,
    /// Most bytes of transactions in a block, as the engine makes them.
    pub max_block_bytes: usize,
    /// Time without inclusion after which a transaction is replaced with higher fees.
    pub resubmit_after: Duration,
    /// Highest prices paid.
    pub fee_caps: FeeCaps,
    /// Time between two relays of L1 block figures to the L2; `None`: never.
    pub relay_l1_block: Option<Duration>,
}

/// How deep an L1 block must be before its messages and batches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfirmationPolicy {
    /// The L1's `safe` block.
    #[default]
    Safe,
    /// The L1's `finalized` block.
    Finalized,
    /// So many blocks below the newest one; 0 is the newest itself, for a devnet.
    Depth(u64),
}

impl fmt::Display for ConfirmationPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Safe => f.write_str("safe"),
            Self::Finalized => f.write_str("finalized"),
            Self::Depth(blocks) => write!(f, "{blocks}"),
        }
    }
}

/// Text that names no confirmation policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no confirmation depth: use \"safe\", \"finalized\" or a number of L1 blocks")]
pub struct UnknownPolicy(String);

impl FromStr for ConfirmationPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "safe" => Ok(Self::Safe),
            "finalized" => Ok(Self::Finalized),
            number => number
                .parse()
                .map(Self::Depth)
                .map_err(|_| UnknownPolicy(number.into())),
        }
    }
}

impl Serialize for ConfirmationPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Depth(blocks) => serializer.serialize_u64(*blocks),
            named => serializer.collect_str(named),
        }
    }
}

impl<'de> Deserialize<'de> for ConfirmationPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(blocks) => Ok(Self::Depth(blocks)),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

/// Where batch data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataPolicy {
    /// Blobs if the L1 has them, else calldata.
    #[default]
    Auto,
    /// EIP-4844 blobs.
    Blobs,
    /// Call data of the committing transaction.
    Calldata,
}

impl DataPolicy {
    /// Most bytes of transactions in a block that fits one batch in call data however badly it compresses.
    pub const CALLDATA_BLOCK_BYTES: usize = 110_000;

    /// Most bytes of transactions in a block that fits one batch however badly it compresses, as far as that is known
    /// without looking at the L1.
    pub const fn max_block_bytes(self, max_blobs: usize) -> usize {
        match self {
            Self::Calldata => Self::CALLDATA_BLOCK_BYTES,
            // An eighth of a blob is left for what is not transactions.
            Self::Auto | Self::Blobs => (max_blobs * BLOB_DATA).saturating_sub(BLOB_DATA / 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_policy_reads_as_it_is_written() {
        for policy in [
            ConfirmationPolicy::Safe,
            ConfirmationPolicy::Finalized,
            ConfirmationPolicy::Depth(7),
        ] {
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<ConfirmationPolicy>(&json).unwrap(), policy);
            assert_eq!(policy.to_string().parse::<ConfirmationPolicy>().unwrap(), policy);
        }
        assert_eq!(
            serde_json::from_str::<ConfirmationPolicy>("\"3\"").unwrap(),
            ConfirmationPolicy::Depth(3)
        );
        let error = serde_json::from_str::<ConfirmationPolicy>("\"latest\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("latest") && error.contains("finalized"), "{error}");
    }
}
