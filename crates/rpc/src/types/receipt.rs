//! A receipt as JSON.

use alloy::{
    consensus::{Transaction, TxReceipt, Typed2718, transaction::Recovered},
    primitives::{Address, B256, Bloom, U64, U256},
    rpc::types::Log,
};
use cwe_primitives::{Receipt, TxEnvelope};
use serde::Serialize;

use super::Position;

/// Receipt of any transaction of the L2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RpcReceipt {
    block_hash: B256,
    block_number: U64,
    contract_address: Option<Address>,
    cumulative_gas_used: U64,
    effective_gas_price: U256,
    from: Address,
    gas_used: U64,
    logs: Vec<Log>,
    logs_bloom: Bloom,
    status: U64,
    to: Option<Address>,
    transaction_hash: B256,
    transaction_index: U64,
    #[serde(rename = "type")]
    ty: U64,
}

/// What a receipt needs from the receipts before it in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Before {
    /// Cumulative gas of the receipt before.
    pub(crate) gas_used: u64,
    /// Logs of all receipts before.
    pub(crate) logs: u64,
}

impl Before {
    /// What comes before position `index` in a block with these receipts.
    pub(crate) fn position(receipts: &[Receipt], index: usize) -> Self {
        let earlier = receipts.get(..index).unwrap_or(receipts);
        Self {
            gas_used: earlier.last().map_or(0, |receipt| receipt.cumulative_gas_used),
            logs: earlier.iter().map(|receipt| receipt.logs.len() as u64).sum(),
        }
    }
}

impl RpcReceipt {
    /// Receipt of `tx`.
    pub(crate) fn new(tx: &Recovered<TxEnvelope>, receipt: &Receipt, before: Before, at: Position) -> Self {
        let envelope = tx.inner();
        let contract_address = envelope.is_create().then(|| tx.signer().create(envelope.nonce()));
        Self {
            block_hash: at.block_hash,
            block_number: U64::from(at.block_number),
            contract_address,
            cumulative_gas_used: U64::from(receipt.cumulative_gas_used),
            effective_gas_price: U256::from(envelope.effective_gas_price(Some(at.base_fee))),
            from: tx.signer(),
            gas_used: U64::from(receipt.cumulative_gas_used.saturating_sub(before.gas_used)),
            logs: logs(envelope.hash(), receipt, before.logs, at).collect(),
            logs_bloom: receipt.bloom(),
            status: U64::from(u8::from(receipt.success)),
            to: envelope.to(),
            transaction_hash: envelope.hash(),
            transaction_index: U64::from(at.index),
            ty: U64::from(envelope.ty()),
        }
    }
}

/// Logs of a receipt, with their place; the first has index `first` in the block.
pub(crate) fn logs(
    transaction_hash: B256,
    receipt: &Receipt,
    first: u64,
    at: Position,
) -> impl Iterator<Item = Log> + '_ {
    (first..).zip(&receipt.logs).map(move |(index, log)| Log {
        inner: log.clone(),
        block_hash: Some(at.block_hash),
        block_number: Some(at.block_number),
        block_timestamp: Some(at.timestamp),
        transaction_hash: Some(transaction_hash),
        transaction_index: Some(at.index),
        log_index: Some(index),
        removed: false,
    })
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{SignableTransaction, TxEip1559},
        primitives::{Signature, TxKind},
    };
    use cwe_primitives::TxType;
    use serde_json::json;

    use super::*;

    #[test]
    fn gas_and_log_positions_count_from_the_receipts_before() {
        let receipt = |gas, logs| Receipt {
            tx_type: TxType::Eip1559,
            success: true,
            cumulative_gas_used: gas,
            logs: vec![alloy::primitives::Log::default(); logs],
        };
        let receipts = [receipt(100, 2), receipt(150, 1)];
        let before = Before::position(&receipts, 1);
        assert_eq!(before, Before { gas_used: 100, logs: 2 });
        let tx = TxEip1559 {
            to: TxKind::Create,
            max_fee_per_gas: 9,
            ..Default::default()
        };
        let tx = Recovered::new_unchecked(
            TxEnvelope::Eip1559(tx.into_signed(Signature::new(U256::ONE, U256::ONE, false))),
            Address::repeat_byte(1),
        );
        let at = Position {
            block_hash: B256::repeat_byte(2),
            block_number: 3,
            timestamp: 4,
            base_fee: 5,
            index: 1,
        };
        let json = serde_json::to_value(RpcReceipt::new(&tx, &receipts[1], before, at)).unwrap();
        assert_eq!(json["gasUsed"], json!("0x32"));
        assert_eq!(json["logs"][0]["logIndex"], json!("0x2"));
        assert_eq!(json["contractAddress"], json!(Address::repeat_byte(1).create(0)));
        assert_eq!(json["effectiveGasPrice"], json!("0x5"));
        assert_eq!(json["to"], json!(null));
        assert_eq!(json["type"], json!("0x2"));
    }
}
