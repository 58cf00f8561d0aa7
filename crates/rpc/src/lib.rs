//! Ethereum JSON-RPC and the cwe namespace over HTTP and WebSocket
