//! JSON-RPC over HTTP and WebSocket, on one port: what wallets, libraries, explorers and our own tools call.
//!
//! In: requests from anybody, and the chain through a [`ChainHandle`](cwe_chain::ChainHandle). Out: answers as geth
//! gives them (`eth_*`, `net_*`, `web3_*`, `txpool_*`, `debug_*`) and what is ours (`cwe_*`); transactions go to the
//! handle's submitter. Callers: the sequencer and the full node start one [`RpcServer`] each; they differ only in their
//! handle.
//!
//! How a request runs. [`RpcServer`] admits connections; a guard around every request holds rate, time and number of
//! requests within [`RpcConfig`]; methods that answer from memory run at once, those that execute or read much run on
//! the blocking pool, a bounded number at a time.
//!
//! What tags mean here: `pending` is the open block, whose transactions have receipts (with a zero block hash) as soon
//! as they are executed; `latest` is the newest sealed block, but reads of state at `latest` see the open block too,
//! unless [`RpcConfig::latest_reads_open_block`] is off; `safe` is committed to L1, `finalized` is proven there.

mod api;
mod args;
mod block_cache;
mod config;
mod connections;
mod cwe;
mod debug;
mod error;
mod eth;
mod filters;
mod methods;
mod metrics;
mod middleware;
mod net;
mod node_info;
mod rate_limit;
mod reader;
mod recent;
mod server;
mod txpool;
mod types;

pub use config::RpcConfig;
pub use error::RpcError;
pub use node_info::{L1Contracts, L1Verifier, NodeInfo, NodeStatus};
pub use server::{RpcServer, ServerError};
