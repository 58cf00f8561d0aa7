//! What a caller is told when a request fails: codes and texts as geth gives them, because wallets and libraries match
//! on both.

use alloy::{
    primitives::{Bytes, U256},
    sol_types::{Panic, Revert, SolError},
};
use cwe_chain::SubmitError;
use cwe_storage::StorageError;
use jsonrpsee::types::ErrorObjectOwned;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The parameters are of the wrong number, type or range: code −32602.
    #[error("{0}")]
    InvalidParams(String),
    /// A block, state or proof that is not there, or not any more: code −32001.
    #[error("{0}")]
    NotFound(String),
    /// More than this server gives to one request: code −32005.
    #[error("{0}")]
    LimitExceeded(String),
    /// It took too long: code −32002.
    #[error("{0}")]
    Timeout(String),
    /// The method or one of its options is not supported: code −32004.
    #[error("{0}")]
    Unsupported(String),
    /// The transaction or call is invalid or failed: code −32000.
    #[error("{0}")]
    Rejected(String),
    /// The call reverted: code 3, with the revert data.
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
    /// An answer with a code of its own, relayed or defined by an EIP.
    #[error("{message}")]
    WithCode {
        /// JSON-RPC error code.
        code: i32,
        /// Message.
        message: String,
        /// Hex data, where the code defines some.
        data: Option<String>,
    },
    /// The server's fault: code −32603. The cause is logged, not sent.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RpcError {
    /// An internal error.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    /// JSON-RPC error code.
    pub const fn code(&self) -> i32 {
        match self {
            Self::InvalidParams(_) => -32602,
            Self::NotFound(_) => -32001,
            Self::LimitExceeded(_) => -32005,
            Self::Timeout(_) => -32002,
            Self::Unsupported(_) => -32004,
            Self::Rejected(_) => -32000,
            Self::Reverted(_) => 3,
            Self::WithCode { code, .. } => *code,
            Self::Internal(_) => -32603,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let code = error.code();
        match &error {
            RpcError::Reverted(data) => Self::owned(code, error.to_string(), Some(data)),
            RpcError::WithCode { data, .. } => Self::owned(code, error.to_string(), data.as_ref()),
            RpcError::Internal(cause) => {
                tracing::error!(%cause, "an RPC request failed inside the server");
                Self::owned(code, "internal error", None::<()>)
            }
            _ => Self::owned(code, error.to_string(), None::<()>),
        }
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Upstream { code, message } => Self::WithCode {
                code: i32::try_from(code).unwrap_or(-32000),
                message,
                data: None,
            },
            SubmitError::Busy(_) | SubmitError::SenderLimit { .. } => Self::LimitExceeded(error.to_string()),
            other => Self::Rejected(other.to_string()),
        }
    }
}

impl From<StorageError> for RpcError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::PrunedHistory { .. } => Self::NotFound(error.to_string()),
            other => Self::internal(other),
        }
    }
}

/// `execution reverted`, with the reason that Solidity encoded, if it did.
fn revert_message(data: &Bytes) -> String {
    match revert_reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    }
}

fn revert_reason(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(revert.reason);
    }
    Panic::abi_decode(data).ok().map(|panic| panic_text(panic.code))
}

/// geth's words for Solidity's panic codes.
fn panic_text(code: U256) -> String {
    let known = match u8::try_from(code).ok() {
        Some(0x00) => "generic panic",
        Some(0x01) => "assert(false)",
        Some(0x11) => "arithmetic underflow or overflow",
        Some(0x12) => "division or modulo by zero",
        Some(0x21) => "enum overflow",
        Some(0x22) => "invalid encoded storage byte array accessed",
        Some(0x31) => "out-of-bounds array access; popping on an empty array",
        Some(0x32) => "out-of-bounds access of an array or bytesN",
        Some(0x41) => "out of memory",
        Some(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn a_revert_carries_its_reason_and_its_data_under_code_3() {
        let data: Bytes = Revert::from("no money").abi_encode().into();
        let object = ErrorObjectOwned::from(RpcError::Reverted(data.clone()));
        assert_eq!((object.code(), object.message()), (3, "execution reverted: no money"));
        assert_eq!(object.data().unwrap().get(), format!("\"{data}\""));
    }

    #[test]
    fn a_panic_is_named_and_custom_errors_stay_data() {
        let panic: Bytes = Panic { code: U256::from(0x11) }.abi_encode().into();
        assert_eq!(
            RpcError::Reverted(panic).to_string(),
            "execution reverted: arithmetic underflow or overflow"
        );
        let custom = RpcError::Reverted(Bytes::from_static(&[0xde, 0xad, 0xbe, 0xef]));
        assert_eq!(custom.to_string(), "execution reverted");
        assert_eq!(RpcError::Reverted(Bytes::new()).to_string(), "execution reverted");
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_sent() {
        let object = ErrorObjectOwned::from(RpcError::internal("path of a file"));
        assert_eq!((object.code(), object.message()), (-32603, "internal error"));
    }

    #[test]
    fn refused_transactions_read_as_from_geth() {
        let sender = address!("0x00000000000000000000000000000000000000aa");
        let table: [(SubmitError, i32, &str); 9] = [
            (
                SubmitError::NonceTooLow {
                    address: sender,
                    tx: 3,
                    state: 5,
                },
                -32000,
                "nonce too low",
            ),
            (SubmitError::AlreadyKnown, -32000, "already known"),
            (
                SubmitError::ReplacementUnderpriced { min_fee: 2, min_tip: 1 },
                -32000,
                "replacement transaction underpriced",
            ),
            (
                SubmitError::Underpriced { fee: 1, min: 2 },
                -32000,
                "transaction underpriced",
            ),
            (
                SubmitError::InsufficientFunds {
                    have: U256::ONE,
                    want: U256::from(2),
                },
                -32000,
                "insufficient funds for gas * price + value",
            ),
            (
                SubmitError::GasLimitTooHigh { gas: 2, limit: 1 },
                -32000,
                "exceeds block gas limit",
            ),
            (
                SubmitError::IntrinsicGas { gas: 1, needed: 2 },
                -32000,
                "intrinsic gas too low",
            ),
            (
                SubmitError::UnsupportedType(3),
                -32000,
                "transaction type not supported",
            ),
            (
                SubmitError::Upstream {
                    code: -32005,
                    message: "limit".into(),
                },
                -32005,
                "limit",
            ),
        ];
        for (error, code, prefix) in table {
            let object = ErrorObjectOwned::from(RpcError::from(error));
            assert_eq!(object.code(), code, "{object}");
            assert!(object.message().starts_with(prefix), "{object}");
        }
    }
}
