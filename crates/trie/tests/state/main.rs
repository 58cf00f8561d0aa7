//! Accounts with storage, block after block, against `alloy_trie`.

#![allow(clippy::unwrap_used)]

mod blocks;
mod plain;
mod rules;
