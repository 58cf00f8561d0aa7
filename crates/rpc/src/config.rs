//! Limits and addresses of the RPC server. Every field has a documented default; unknown keys are refused.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Where the server listens, whom it answers, and how much one request may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RpcConfig {
    /// Address for HTTP and WebSocket, one port for both; port 0 takes a free one. Default `127.0.0.1:8545`.
    pub listen: SocketAddr,
    /// Origins that browsers may call from; `*` is any. Empty switches cross-origin calls off. Default `["*"]`.
    pub cors_origins: Vec<String>,
    /// Values of the `Host` header that are answered, such as `localhost:*`: protects against DNS rebinding. Empty
    /// answers all. Default empty.
    pub allowed_hosts: Vec<String>,
    /// Most connections at once. Default 1024.
    pub max_connections: u32,
    /// Most connections of one address at once; loopback is exempt. Default 128.
    pub max_connections_per_ip: u32,
    /// Most bytes of a request body or WebSocket message. Default 5 MiB.
    pub max_request_bytes: u32,
    /// Most bytes of a response. Default 25 MiB.
    pub max_response_bytes: u32,
    /// Most requests in one batch. Default 100.
    pub max_batch_length: u32,
    /// Most subscriptions of one WebSocket connection. Default 128.
    pub max_subscriptions_per_connection: u32,
    /// Most requests of one WebSocket connection under way at once. Default 64.
    pub max_in_flight_per_connection: u32,
    /// Messages that wait for a slow WebSocket client before the server stops reading from it. Default 1024.
    pub message_buffer: u32,
    /// A request that takes longer is answered with an error. Default 30 000.
    pub request_timeout_ms: u64,
    /// A connection that sends no complete request header for so long is closed. Default 30 000.
    pub header_timeout_ms: u64,
    /// Requests per second of one address (of one /64 with IPv6); 0 switches the limit off. Default 500.
    pub rate_limit_per_s: u32,
    /// Requests that one address may send at once above the steady rate. Default 1000.
    pub rate_limit_burst: u32,
    /// Whether the rate limit holds for loopback addresses too. Default false.
    pub rate_limit_loopback: bool,
    /// Calls, estimates, traces and log queries that run at once. 0 means twice the number of processors. Default 0.
    pub max_heavy_calls: u32,
    /// Such calls that wait for a place before new ones are refused. Default 256.
    pub max_heavy_waiting: u32,
    /// Most gas of `eth_call`, `eth_estimateGas`, `eth_createAccessList` and of one `eth_simulateV1`. Default
    /// 50 000 000.
    pub call_gas_cap: u64,
    /// A call or trace that executes longer is stopped. Default 5000.
    pub evm_timeout_ms: u64,
    /// Most bytes that one trace may record. Default 64 MiB.
    pub max_trace_bytes: usize,
    /// Most blocks of one `eth_getLogs`. Default 10 000.
    pub max_log_blocks: u64,
    /// Most logs of one answer. Default 20 000.
    pub max_logs: usize,
    /// Most filters (`eth_newFilter` and its kin) at once. Default 1024.
    pub max_filters: usize,
    /// A filter that nobody asks for so long is forgotten. Default 300.
    pub filter_ttl_secs: u64,
    /// Wait of `eth_sendRawTransactionSync` where the caller names none. Default 2000.
    pub sync_timeout_ms: u64,
    /// Longest wait of `eth_sendRawTransactionSync`. Default 10 000.
    pub max_sync_timeout_ms: u64,
    /// Whether `latest` reads of balances, nonces, code, storage and calls see the open block, so that a caller who
    /// holds a receipt sees what the transaction did. Blocks, logs and proofs at `latest` are always sealed ones.
    /// Default true.
    pub latest_reads_open_block: bool,
    /// Whether `debug_*` is served. Default true.
    pub debug: bool,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            cors_origins: vec!["*".into()],
            allowed_hosts: Vec::new(),
            max_connections: 1024,
            max_connections_per_ip: 128,
            max_request_bytes: 5 << 20,
            max_response_bytes: 25 << 20,
            max_batch_length: 100,
            max_subscriptions_per_connection: 128,
            max_in_flight_per_connection: 64,
            message_buffer: 1024,
            request_timeout_ms: 30_000,
            header_timeout_ms: 30_000,
            rate_limit_per_s: 500,
            rate_limit_burst: 1000,
            rate_limit_loopback: false,
            max_heavy_calls: 0,
            max_heavy_waiting: 256,
            call_gas_cap: 50_000_000,
            evm_timeout_ms: 5000,
            max_trace_bytes: 64 << 20,
            max_log_blocks: 10_000,
            max_logs: 20_000,
            max_filters: 1024,
            filter_ttl_secs: 300,
            sync_timeout_ms: 2000,
            max_sync_timeout_ms: 10_000,
            latest_reads_open_block: true,
            debug: true,
        }
    }
}
