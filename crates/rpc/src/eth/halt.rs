//! geth's words for why the EVM refused a call or stopped in it.

use cwe_executor::EvmEnv;
use revm::context::{
    TxEnv,
    result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
};

use crate::error::RpcError;

/// Why a call can't begin.
pub(crate) fn refusal<E: std::fmt::Display>(error: EVMError<E>, tx: &TxEnv, env: &EvmEnv) -> RpcError {
    match error {
        EVMError::Transaction(invalid) => RpcError::Rejected(invalid_text(invalid, tx, env)),
        EVMError::Custom(reason) => RpcError::Timeout(reason),
        EVMError::CustomAny(reason) => RpcError::internal(reason),
        EVMError::Header(reason) => RpcError::internal(reason),
        EVMError::Database(reason) => RpcError::internal(reason),
    }
}

fn invalid_text(invalid: InvalidTransaction, tx: &TxEnv, env: &EvmEnv) -> String {
    use InvalidTransaction as Invalid;

    let sender = tx.caller;
    match invalid {
        Invalid::LackOfFundForMaxFee { fee, balance } => format!(
            "insufficient funds for gas * price + value: address {sender} have {balance} want {fee} (supplied gas {})",
            tx.gas_limit
        ),
        Invalid::NonceTooLow { tx, state } => format!("nonce too low: address {sender}, tx: {tx} state: {state}"),
        Invalid::NonceTooHigh { tx, state } => format!("nonce too high: address {sender}, tx: {tx} state: {state}"),
        Invalid::NonceOverflowInTransaction => format!("nonce has max value: address {sender}, nonce: {}", tx.nonce),
        Invalid::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas} (supplied gas {gas_limit})")
        }
        Invalid::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        Invalid::GasPriceLessThanBasefee => format!(
            "max fee per gas less than block base fee: address {sender}, maxFeePerGas: {}, baseFee: {}",
            tx.gas_price, env.block.basefee
        ),
        Invalid::PriorityFeeGreaterThanMaxFee => format!(
            "max priority fee per gas higher than max fee per gas: address {sender}, maxPriorityFeePerGas: {}, \
             maxFeePerGas: {}",
            tx.gas_priority_fee.unwrap_or_default(),
            tx.gas_price
        ),
        Invalid::CallerGasLimitMoreThanBlock => {
            format!(
                "exceeds block gas limit: gas {}, limit {}",
                tx.gas_limit, env.block.gas_limit
            )
        }
        Invalid::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")
        }
        Invalid::CreateInitCodeSizeLimit => {
            format!("max initcode size exceeded: code size {} limit 49152", tx.data.len())
        }
        Invalid::RejectCallerWithCode => format!("sender not an eoa: address {sender}"),
        Invalid::EmptyAuthorizationList => format!("EIP-7702 transaction with empty auth list (sender {sender})"),
        other => format!("invalid transaction: {other}"),
    }
}

/// Output of a call, or why it has none.
pub(crate) fn output(result: ExecutionResult) -> Result<alloy::primitives::Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::Rejected(halt_text(&reason))),
    }
}

/// geth's name for a halt.
pub(crate) fn halt_text(reason: &HaltReason) -> String {
    let text = match reason {
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "write protection",
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
        HaltReason::OverflowPayment | HaltReason::PrecompileError | HaltReason::PrecompileErrorWithContext(_) => {
            return reason.to_string();
        }
    };
    text.into()
}
