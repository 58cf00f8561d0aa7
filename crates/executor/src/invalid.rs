//! From revm's reasons to ours: the same, with the figures that users need.

use alloc::string::ToString;

use alloy_consensus::{Transaction, transaction::Recovered};
use alloy_primitives::{Address, KECCAK256_EMPTY};
use cwe_primitives::TxEnvelope;
use revm::{
    DatabaseRef,
    context::{BlockEnv, Cfg, CfgEnv, result::InvalidTransaction as Raw},
};

use crate::{error::InvalidTransaction, state::BlockState};

/// Why the EVM refused `tx`.
pub(crate) fn reason<DB: DatabaseRef>(
    raw: Raw,
    tx: &Recovered<TxEnvelope>,
    cfg: &CfgEnv,
    block: &BlockEnv,
    state: &BlockState<DB>,
) -> InvalidTransaction {
    let sender = tx.signer();
    let fee_cap = tx.max_fee_per_gas();
    match raw {
        Raw::NonceTooLow {
            tx: found,
            state: expected,
        } => InvalidTransaction::NonceTooLow {
            sender,
            found,
            expected,
        },
        Raw::NonceTooHigh {
            tx: found,
            state: expected,
        } => InvalidTransaction::NonceTooHigh {
            sender,
            found,
            expected,
        },
        Raw::NonceOverflowInTransaction => InvalidTransaction::NonceMax {
            sender,
            nonce: tx.nonce(),
        },
        Raw::LackOfFundForMaxFee { fee, balance } => InvalidTransaction::InsufficientFunds {
            sender,
            balance: *balance,
            cost: *fee,
        },
        Raw::OverflowPaymentInTransaction => InvalidTransaction::CostOverflow,
        Raw::CallerGasLimitMoreThanBlock => InvalidTransaction::BlockGasExceeded {
            gas_limit: tx.gas_limit(),
            available: block.gas_limit,
        },
        Raw::TxGasLimitGreaterThanCap { gas_limit, cap } => InvalidTransaction::GasLimitAboveCap { gas_limit, cap },
        Raw::GasPriceLessThanBasefee => InvalidTransaction::FeeBelowBaseFee {
            fee_cap,
            base_fee: block.basefee,
        },
        Raw::PriorityFeeGreaterThanMaxFee => InvalidTransaction::TipAboveFeeCap {
            tip: tx.max_priority_fee_per_gas().unwrap_or_default(),
            fee_cap,
        },
        Raw::CallGasCostMoreThanGasLimit {
            initial_gas: required,
            gas_limit,
        } => InvalidTransaction::IntrinsicGas { gas_limit, required },
        Raw::GasFloorMoreThanGasLimit {
            gas_floor: required,
            gas_limit,
        } => InvalidTransaction::FloorGas { gas_limit, required },
        Raw::InvalidChainId | Raw::MissingChainId => InvalidTransaction::ChainId {
            found: tx.chain_id(),
            expected: cfg.chain_id,
        },
        Raw::CreateInitCodeSizeLimit => InvalidTransaction::InitCodeSize {
            size: tx.input().len(),
            limit: cfg.max_initcode_size(),
        },
        Raw::RejectCallerWithCode => InvalidTransaction::SenderHasCode {
            sender,
            code_hash: code_hash(state, sender),
        },
        Raw::EmptyAuthorizationList => InvalidTransaction::EmptyAuthorizationList { sender },
        other => InvalidTransaction::Other(other.to_string()),
    }
}

/// The EVM has just read the account, so this doesn't reach the database.
fn code_hash<DB: DatabaseRef>(state: &BlockState<DB>, sender: Address) -> alloy_primitives::B256 {
    state
        .basic_ref(sender)
        .ok()
        .flatten()
        .map_or(KECCAK256_EMPTY, |info| info.code_hash)
}
