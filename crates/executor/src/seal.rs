//! Headers. `docs/PROTOCOL.md` §L2 blocks.

use alloc::vec::Vec;

use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header, ReceiptWithBloom, Sealed, proofs::calculate_receipt_root,
};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::B256;
use cwe_primitives::{Block, BlockBody, QueueHash, TxEnvelope, chain};

use crate::{block::BlockContext, executor::BlockOutcome};

/// A block without its body: all that the next one needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlock {
    /// Header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// The L1 queue after the block.
    pub queue: QueueHash,
    /// Root of the withdrawal tree after the block.
    pub withdrawal_root: B256,
}

/// The header of a closed block.
pub(crate) fn final_header(outcome: &BlockOutcome, transactions_root: B256, state_root: B256) -> Header {
    let blooms = outcome.blooms.iter().copied();
    let receipts: Vec<_> = outcome
        .receipts
        .iter()
        .zip(blooms)
        .map(|(receipt, bloom)| ReceiptWithBloom::new(receipt, bloom))
        .collect();
    Header {
        state_root,
        transactions_root,
        receipts_root: calculate_receipt_root(&receipts),
        logs_bloom: outcome.logs_bloom,
        gas_used: outcome.gas_used,
        ..header(&outcome.context)
    }
}

/// A header with the fields that are fixed when the block is opened; of a block that is empty so far.
pub fn header(context: &BlockContext) -> Header {
    Header {
        parent_hash: context.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: chain::FEE_RECIPIENT,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        number: context.number,
        gas_limit: context.gas_limit,
        timestamp: context.timestamp,
        mix_hash: context.prevrandao,
        extra_data: context.spec_hash.into(),
        base_fee_per_gas: Some(context.base_fee),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

pub(crate) fn seal_header(header: Header, transactions: Vec<TxEnvelope>) -> Sealed<Block> {
    let hash = header.hash_slow();
    let body = BlockBody {
        transactions,
        ommers: Vec::new(),
        withdrawals: Some(Default::default()),
    };
    Sealed::new_unchecked(Block { header, body }, hash)
}
