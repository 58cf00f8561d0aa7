//! A transaction as JSON.

use alloy::{
    consensus::{Transaction, Typed2718, transaction::Recovered},
    eips::{eip2930::AccessList, eip7702::SignedAuthorization},
    primitives::{Address, B256, Bytes, Signature, U64, U256},
};
use cwe_primitives::TxEnvelope;
use serde::Serialize;

use super::Position;

/// Any transaction of the L2. Messages from L1 (type `0x7e`) have a signature of zeros and a nonce that is their queue
/// index, so that libraries that know neither parse them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RpcTransaction {
    block_hash: Option<B256>,
    block_number: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_timestamp: Option<U64>,
    from: Address,
    gas: U64,
    gas_price: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<U256>,
    hash: B256,
    input: Bytes,
    nonce: U64,
    to: Option<Address>,
    transaction_index: Option<U64>,
    value: U256,
    #[serde(rename = "type")]
    ty: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<Vec<SignedAuthorization>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<U64>,
    v: U256,
    r: U256,
    s: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mint: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_index: Option<U64>,
}

impl RpcTransaction {
    /// A transaction, in a block or not yet.
    pub(crate) fn new(tx: &Recovered<TxEnvelope>, position: Option<Position>) -> Self {
        let envelope = tx.inner();
        let (v, r, s, y_parity) = signature(envelope);
        let message = envelope.as_l1_message();
        Self {
            block_hash: position.map(|at| at.block_hash),
            block_number: position.map(|at| U64::from(at.block_number)),
            block_timestamp: position.map(|at| U64::from(at.timestamp)),
            from: tx.signer(),
            gas: U64::from(envelope.gas_limit()),
            gas_price: U256::from(envelope.effective_gas_price(position.map(|at| at.base_fee))),
            max_fee_per_gas: envelope
                .is_dynamic_fee()
                .then(|| U256::from(envelope.max_fee_per_gas())),
            max_priority_fee_per_gas: envelope.max_priority_fee_per_gas().map(U256::from),
            hash: envelope.hash(),
            input: envelope.input().clone(),
            nonce: U64::from(envelope.nonce()),
            to: envelope.to(),
            transaction_index: position.map(|at| U64::from(at.index)),
            value: envelope.value(),
            ty: U64::from(envelope.ty()),
            access_list: envelope.access_list().cloned(),
            authorization_list: envelope.authorization_list().map(<[_]>::to_vec),
            chain_id: envelope.chain_id().map(U64::from),
            v,
            r,
            s,
            y_parity,
            mint: message.map(|message| U256::from(message.mint)),
            queue_index: message.map(|message| U64::from(message.index)),
        }
    }
}

/// `v`, `r`, `s` and, for typed transactions, `yParity`.
fn signature(envelope: &TxEnvelope) -> (U256, U256, U256, Option<U64>) {
    let typed = |signature: &Signature| {
        let parity = U64::from(u8::from(signature.v()));
        (
            U256::from(u8::from(signature.v())),
            signature.r(),
            signature.s(),
            Some(parity),
        )
    };
    match envelope {
        TxEnvelope::Legacy(tx) => {
            let parity = u128::from(tx.signature().v());
            let v = match tx.tx().chain_id {
                Some(chain_id) => 35 + u128::from(chain_id) * 2 + parity,
                None => 27 + parity,
            };
            (U256::from(v), tx.signature().r(), tx.signature().s(), None)
        }
        TxEnvelope::Eip2930(tx) => typed(tx.signature()),
        TxEnvelope::Eip1559(tx) => typed(tx.signature()),
        TxEnvelope::Eip7702(tx) => typed(tx.signature()),
        TxEnvelope::L1Message(_) => (U256::ZERO, U256::ZERO, U256::ZERO, Some(U64::ZERO)),
    }
}

#[cfg(test)]
mod tests {
    use alloy::consensus::{SignableTransaction, TxEip1559, TxLegacy};
    use cwe_primitives::L1Message;
    use serde_json::json;

    use super::*;

    const AT: Position = Position {
        block_hash: B256::ZERO,
        block_number: 9,
        timestamp: 5,
        base_fee: 7,
        index: 1,
    };

    fn json_of(envelope: TxEnvelope, position: Option<Position>) -> serde_json::Value {
        let tx = Recovered::new_unchecked(envelope, Address::repeat_byte(0x11));
        serde_json::to_value(RpcTransaction::new(&tx, position)).unwrap()
    }

    fn signature_of_ones() -> Signature {
        Signature::new(U256::ONE, U256::ONE, true)
    }

    #[test]
    fn a_message_reads_as_a_signed_transaction_of_zeros() {
        let message = L1Message {
            index: 7,
            sender: Address::repeat_byte(0x11),
            to: Address::repeat_byte(0x22),
            mint: 5,
            value: 3,
            gas_limit: 100_000,
            data: Bytes::from_static(b"hi"),
        };
        let json = json_of(message.into(), Some(AT));
        for (key, value) in [
            ("type", "0x7e"),
            ("nonce", "0x7"),
            ("queueIndex", "0x7"),
            ("mint", "0x5"),
            ("value", "0x3"),
            ("gas", "0x186a0"),
            ("gasPrice", "0x0"),
            ("input", "0x6869"),
            ("v", "0x0"),
            ("r", "0x0"),
            ("s", "0x0"),
            ("yParity", "0x0"),
            ("transactionIndex", "0x1"),
            ("from", "0x1111111111111111111111111111111111111111"),
        ] {
            assert_eq!(json[key], json!(value), "{key}");
        }
    }

    #[test]
    fn a_legacy_signature_carries_the_chain_id_in_v() {
        let legacy = |chain_id| {
            TxLegacy {
                chain_id,
                ..Default::default()
            }
            .into_signed(signature_of_ones())
        };
        let tx = |chain_id| TxEnvelope::Legacy(legacy(chain_id));
        assert_eq!(json_of(tx(Some(1)), None)["v"], json!("0x26"));
        assert_eq!(json_of(tx(None), None)["v"], json!("0x1c"));
        assert!(json_of(tx(None), None).get("yParity").is_none());
    }

    #[test]
    fn the_gas_price_is_what_was_paid_once_in_a_block() {
        let tx = TxEip1559 {
            max_fee_per_gas: 100,
            max_priority_fee_per_gas: 2,
            ..Default::default()
        };
        let signed = || TxEnvelope::Eip1559(tx.clone().into_signed(signature_of_ones()));
        assert_eq!(json_of(signed(), Some(AT))["gasPrice"], json!("0x9"));
        assert_eq!(json_of(signed(), None)["gasPrice"], json!("0x64"));
        assert_eq!(json_of(signed(), None)["blockHash"], json!(null));
    }
}
