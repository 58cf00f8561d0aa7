//! What L1, sequencer, full node and guest must agree on byte for byte: transactions and receipts, L1 messages and
//! their queue hash, withdrawals and their tree, batches and their codec, chain parameters.
//!
//! Nothing here knows a database, a network or a clock. Every other crate calls this one; it calls none of ours.
//! The layouts are written down in `docs/PROTOCOL.md`; `contracts/` and `bridge/` hold the same in Solidity, and
//! `test/vectors/protocol.json` keeps the two equal.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod batch;
pub mod blob;
pub mod chain;
pub mod codec;
pub mod predeploys;
pub mod queue;
pub mod state;
pub mod transaction;
pub mod withdrawal;

pub use batch::{BatchBlock, BatchCommitment, DataLocation};
pub use chain::ChainSpec;
pub use queue::QueueHash;
pub use state::{Account, AccountChange, SlotChange, StateChanges};
pub use transaction::{L1Message, Receipt, TxEnvelope, TxType};
pub use withdrawal::{Withdrawal, WithdrawalTree};

/// An L2 block: an Ethereum header and our transactions.
pub type Block = alloy_consensus::Block<TxEnvelope>;

/// The transactions of an L2 block.
pub type BlockBody = alloy_consensus::BlockBody<TxEnvelope>;
