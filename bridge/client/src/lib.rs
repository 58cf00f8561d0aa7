//! The Rust client of the L1 contracts: watching the inbox, posting batches, fetching blobs
