//! A block as RPC reads it, and as JSON.

use alloy::{
    consensus::{Header, transaction::Recovered},
    primitives::{B256, U64},
    rlp::Encodable,
    rpc::types::{self as rpc, Log},
};
use cwe_chain::{PendingBlock, SealedBlock};
use cwe_primitives::{Block, BlockBody, Receipt, TxEnvelope};
use serde::Serialize;

use super::{
    Position,
    receipt::{Before, RpcReceipt, logs},
    transaction::RpcTransaction,
};

/// A block with senders and receipts: the unit that RPC caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockView {
    /// Hash; zero while the block is open.
    pub(crate) hash: B256,
    /// Header; roots are zero while the block is open.
    pub(crate) header: Header,
    /// Transactions with their senders.
    pub(crate) transactions: Vec<Recovered<TxEnvelope>>,
    /// Receipts, in the same order.
    pub(crate) receipts: Vec<Receipt>,
}

impl BlockView {
    /// View of a sealed block.
    pub(crate) fn sealed(block: &SealedBlock) -> Self {
        let transactions = block.block.body.transactions.iter().cloned();
        Self {
            hash: block.hash,
            header: block.block.header.clone(),
            transactions: transactions
                .zip(&block.senders)
                .map(|(transaction, sender)| Recovered::new_unchecked(transaction, *sender))
                .collect(),
            receipts: block.receipts.clone(),
        }
    }

    /// View of the open block.
    pub(crate) fn open(block: &PendingBlock) -> Self {
        Self {
            hash: B256::ZERO,
            header: block.header(),
            transactions: block.transactions().map(|tx| tx.transaction.clone()).collect(),
            receipts: block.transactions().map(|tx| tx.receipt.clone()).collect(),
        }
    }

    /// Where the transaction at `index` is.
    pub(crate) fn position(&self, index: usize) -> Position {
        Position {
            block_hash: self.hash,
            block_number: self.header.number,
            timestamp: self.header.timestamp,
            base_fee: self.header.base_fee_per_gas.unwrap_or_default(),
            index: index as u64,
        }
    }

    /// The transaction at `index` as JSON.
    pub(crate) fn transaction(&self, index: usize) -> Option<RpcTransaction> {
        self.transactions
            .get(index)
            .map(|tx| RpcTransaction::new(tx, Some(self.position(index))))
    }

    /// The receipt at `index` as JSON.
    pub(crate) fn receipt(&self, index: usize) -> Option<RpcReceipt> {
        let (tx, receipt) = (self.transactions.get(index)?, self.receipts.get(index)?);
        Some(RpcReceipt::new(
            tx,
            receipt,
            Before::position(&self.receipts, index),
            self.position(index),
        ))
    }

    /// All receipts as JSON, in one pass.
    pub(crate) fn all_receipts(&self) -> Vec<RpcReceipt> {
        let mut before = Before::default();
        let pairs = self.transactions.iter().zip(&self.receipts).enumerate();
        pairs
            .map(|(index, (tx, receipt))| {
                let json = RpcReceipt::new(tx, receipt, before, self.position(index));
                before.gas_used = receipt.cumulative_gas_used;
                before.logs += receipt.logs.len() as u64;
                json
            })
            .collect()
    }

    /// Appends the logs that `filter` takes, without looking at its block range, until there are `limit`.
    ///
    /// Returns whether all matching logs fitted.
    pub(crate) fn matching_logs(&self, filter: &rpc::Filter, found: &mut Vec<Log>, limit: usize) -> bool {
        let mut first = 0;
        for (index, (tx, receipt)) in self.transactions.iter().zip(&self.receipts).enumerate() {
            if receipt.logs.iter().any(|log| filter.matches(log)) {
                let matching = logs(tx.inner().hash(), receipt, first, self.position(index));
                for log in matching.filter(|log| filter.matches(&log.inner)) {
                    if found.len() >= limit {
                        return false;
                    }
                    found.push(log);
                }
            }
            first += receipt.logs.len() as u64;
        }
        true
    }

    /// The block in Ethereum's encoding types.
    pub(crate) fn consensus(&self) -> Block {
        Block {
            header: self.header.clone(),
            body: BlockBody {
                transactions: self.transactions.iter().map(|tx| tx.inner().clone()).collect(),
                ommers: Vec::new(),
                withdrawals: Some(Default::default()),
            },
        }
    }

    /// Header as JSON, without the size: what `newHeads` sends.
    pub(crate) fn rpc_header(&self) -> rpc::Header {
        rpc::Header {
            hash: self.hash,
            inner: self.header.clone(),
            total_difficulty: None,
            size: None,
        }
    }

    /// The block as JSON, with transactions in full or as hashes.
    pub(crate) fn rpc_block(&self, full: bool) -> RpcBlock {
        let transactions = if full {
            let all = self.transactions.iter().enumerate();
            Transactions::Full(
                all.map(|(index, tx)| RpcTransaction::new(tx, Some(self.position(index))))
                    .collect(),
            )
        } else {
            Transactions::Hashes(self.transactions.iter().map(|tx| tx.inner().hash()).collect())
        };
        RpcBlock {
            header: self.rpc_header(),
            size: U64::from(self.consensus().length()),
            transactions,
            uncles: [],
            withdrawals: [],
        }
    }
}

/// A block as JSON.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RpcBlock {
    #[serde(flatten)]
    pub(crate) header: rpc::Header,
    pub(crate) size: U64,
    pub(crate) transactions: Transactions,
    pub(crate) uncles: [B256; 0],
    pub(crate) withdrawals: [(); 0],
}

/// Transactions of a block as JSON.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Transactions {
    /// Only their hashes.
    Hashes(Vec<B256>),
    /// All of each.
    Full(Vec<RpcTransaction>),
}
