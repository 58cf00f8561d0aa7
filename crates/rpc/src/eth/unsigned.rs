//! Simulated calls as transactions.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip7702, TxLegacy},
    eips::eip7702::SignedAuthorization,
    primitives::{Signature, U256},
};
use cwe_primitives::{TxEnvelope, TxType};
use revm::context::{TxEnv, either::Either};

/// Type of the transaction that a call is shown as.
pub(super) const fn tx_type(tx: &TxEnv) -> TxType {
    match tx.tx_type {
        0 | 1 => TxType::Legacy,
        4 => TxType::Eip7702,
        _ => TxType::Eip1559,
    }
}

/// The call as a transaction that nobody signed: it has a hash to be named by.
pub(super) fn unsigned(tx: &TxEnv) -> TxEnvelope {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let chain_id = tx.chain_id.unwrap_or_default();
    let max_priority_fee_per_gas = tx.gas_priority_fee.unwrap_or_default();
    match (tx_type(tx), tx.kind.to().copied()) {
        (TxType::Legacy, _) => TxEnvelope::Legacy(
            TxLegacy {
                chain_id: tx.chain_id,
                nonce: tx.nonce,
                gas_price: tx.gas_price,
                gas_limit: tx.gas_limit,
                to: tx.kind,
                value: tx.value,
                input: tx.data.clone(),
            }
            .into_signed(signature),
        ),
        (TxType::Eip7702, Some(to)) => TxEnvelope::Eip7702(
            TxEip7702 {
                chain_id,
                nonce: tx.nonce,
                gas_limit: tx.gas_limit,
                max_fee_per_gas: tx.gas_price,
                max_priority_fee_per_gas,
                to,
                value: tx.value,
                access_list: tx.access_list.clone(),
                authorization_list: tx.authorization_list.iter().filter_map(signed_authorization).collect(),
                input: tx.data.clone(),
            }
            .into_signed(signature),
        ),
        _ => TxEnvelope::Eip1559(
            TxEip1559 {
                chain_id,
                nonce: tx.nonce,
                gas_limit: tx.gas_limit,
                max_fee_per_gas: tx.gas_price,
                max_priority_fee_per_gas,
                to: tx.kind,
                value: tx.value,
                access_list: tx.access_list.clone(),
                input: tx.data.clone(),
            }
            .into_signed(signature),
        ),
    }
}

fn signed_authorization<R>(authorization: &Either<SignedAuthorization, R>) -> Option<SignedAuthorization> {
    match authorization {
        Either::Left(signed) => Some(signed.clone()),
        Either::Right(_) => None,
    }
}
