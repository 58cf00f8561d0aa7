//! Configuration of the sequencer and of a full node.
//!
//! Four layers, the later one wins: built-in defaults, a TOML file, environment variables (`CWE_L1__RPC_URL` sets
//! `l1.rpc_url`), flags. An unknown key in any layer is refused with its name and the nearest known one. The commented
//! defaults are `config/sequencer.toml` and `config/node.toml`; tests keep them equal to the code.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use alloy::primitives::Address;
use cwe_bridge::{ConfirmationPolicy, DataPolicy, L1Config};
use cwe_chain::EngineConfig;
use cwe_rpc::RpcConfig;
use serde::{Deserialize, Serialize};

/// Commented default configuration of the sequencer.
pub const SEQUENCER_DEFAULTS: &str = include_str!("../config/sequencer.toml");

/// Commented default configuration of a full node.
pub const NODE_DEFAULTS: &str = include_str!("../config/node.toml");

/// Configuration of a sequencer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of database, journal and lock; created if missing.
    pub data_dir: PathBuf,
    /// Genesis file (JSON).
    pub genesis: PathBuf,
    /// The L1 and our contracts on it.
    pub l1: L1Section,
    /// Blocks and the pool of waiting transactions.
    pub engine: EngineConfig,
    /// Batches and the account that posts them.
    pub batches: BatchesSection,
    /// Database.
    pub storage: StorageSection,
    /// JSON-RPC, HTTP and WebSocket on one port.
    pub rpc: RpcConfig,
    /// Health and metrics.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data/sequencer".into(),
            genesis: "genesis.json".into(),
            l1: L1Section::default(),
            engine: EngineConfig::default(),
            batches: BatchesSection::default(),
            storage: StorageSection::default(),
            rpc: RpcConfig {
                listen: local(9545),
                ..RpcConfig::default()
            },
            ops: OpsSection::default(),
            log: LogSection::default(),
        }
    }
}

/// Configuration of a full node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Folder of database and lock; created if missing.
    pub data_dir: PathBuf,
    /// Genesis file (JSON).
    pub genesis: PathBuf,
    /// Where transactions are forwarded to: the sequencer's JSON-RPC URL. Empty: they are refused.
    pub sequencer_url: String,
    /// The L1 and our contracts on it.
    pub l1: L1Section,
    /// Where blobs are fetched.
    pub blobs: BlobsSection,
    /// Database.
    pub storage: StorageSection,
    /// JSON-RPC, HTTP and WebSocket on one port.
    pub rpc: RpcConfig,
    /// Health and metrics.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            data_dir: "data/node".into(),
            genesis: "genesis.json".into(),
            sequencer_url: String::new(),
            l1: L1Section::default(),
            blobs: BlobsSection::default(),
            storage: StorageSection::default(),
            rpc: RpcConfig {
                listen: local(9546),
                ..RpcConfig::default()
            },
            ops: OpsSection { listen: local(9601) },
            log: LogSection::default(),
        }
    }
}

/// The L1 and our contracts on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct L1Section {
    /// `http(s)://` or `ws(s)://` URL of an execution node.
    pub rpc_url: String,
    /// Chain id the L1 must have.
    pub chain_id: u64,
    /// `Rollup` contract.
    pub rollup: Address,
    /// `Inbox` contract.
    pub inbox: Address,
    /// L1 block in which the contracts were deployed: logs are read from here on.
    pub start_block: u64,
    /// How deep an L1 block must be before its messages and batches count.
    pub confirmation: ConfirmationPolicy,
    /// Milliseconds between two looks at the L1.
    pub poll_interval_ms: u64,
    /// Milliseconds before one request to the L1 is given up.
    pub request_timeout_ms: u64,
    /// Most L1 blocks in one request for logs.
    pub log_range_blocks: u64,
}

impl Default for L1Section {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:8545".into(),
            chain_id: 1,
            rollup: Address::ZERO,
            inbox: Address::ZERO,
            start_block: 0,
            confirmation: ConfirmationPolicy::Safe,
            poll_interval_ms: 2_000,
            request_timeout_ms: 10_000,
            log_range_blocks: 2_000,
        }
    }
}

impl L1Section {
    /// The section as the L1 client takes it.
    pub fn client(&self) -> L1Config {
        L1Config {
            rpc_url: self.rpc_url.clone(),
            chain_id: self.chain_id,
            rollup: self.rollup,
            inbox: self.inbox,
            start_block: self.start_block,
            confirmation: self.confirmation,
            poll_interval: Duration::from_millis(self.poll_interval_ms),
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            log_range_blocks: self.log_range_blocks,
        }
    }
}

/// Where blobs are fetched, tried in this order: beacon nodes, anvil, archives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct BlobsSection {
    /// URLs of beacon nodes' APIs.
    pub beacon_urls: Vec<String>,
    /// Whether the L1 is an anvil that serves blobs by its own methods.
    pub anvil: bool,
    /// URLs with `{hash}` in the place of a versioned hash that answer with the blob (bytes, hex text or JSON).
    pub archive_urls: Vec<String>,
}

/// Batches and the account that posts them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchesSection {
    /// Whether batches are posted at all.
    pub enabled: bool,
    /// Private key of the posting account, hex. Prefer `private_key_file` or the environment.
    pub private_key: Secret,
    /// File that holds the private key, hex.
    pub private_key_file: PathBuf,
    /// Where batch data goes: `auto` (blobs if the L1 has them), `blobs`, `calldata`.
    pub data: DataPolicy,
    /// Milliseconds after which blocks are posted even if the batch is not full; rounded up to whole seconds.
    pub max_age_ms: u64,
    /// Most blobs of one batch, 1 to 6.
    pub max_blobs: usize,
    /// Milliseconds without inclusion after which a transaction is replaced with higher fees.
    pub resubmit_after_ms: u64,
    /// Highest price per gas that is paid, gwei; beyond it the poster waits.
    pub max_fee_gwei: u64,
    /// Highest price per blob gas that is paid, gwei; beyond it the poster waits.
    pub max_blob_fee_gwei: u64,
    /// Milliseconds between two relays of L1 block figures to the L2; 0: never.
    pub relay_l1_block_ms: u64,
}

impl Default for BatchesSection {
    fn default() -> Self {
        Self {
            enabled: true,
            private_key: Secret::default(),
            private_key_file: PathBuf::new(),
            data: DataPolicy::Auto,
            max_age_ms: 60_000,
            max_blobs: 6,
            resubmit_after_ms: 60_000,
            max_fee_gwei: 500,
            max_blob_fee_gwei: 500,
            relay_l1_block_ms: 0,
        }
    }
}

/// Database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    /// Blocks whose state can be asked for; 0: all of them (archive).
    pub history_blocks: u64,
    /// Most GiB that the database may grow to.
    pub max_size_gib: u64,
}

impl Default for StorageSection {
    fn default() -> Self {
        Self {
            history_blocks: 0,
            max_size_gib: 1_024,
        }
    }
}

/// `/health`, `/ready`, `/metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpsSection {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for OpsSection {
    fn default() -> Self {
        Self { listen: local(9600) }
    }
}

/// Logs, to standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// `pretty` or `json`.
    pub format: LogFormat,
    /// Filter such as `info,cwe_bridge=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            filter: "info".into(),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// A value that never shows: not in logs, not in a printed configuration.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "unset" } else { "hidden" })
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { "hidden" })
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
