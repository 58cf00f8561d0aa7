//! Taking a raw transaction: the seam between RPC and whoever sequences, and the checks that need no state.

use alloy::primitives::{Address, B256, Bytes, U256};
use cwe_executor::InvalidTransaction;
use futures::future::BoxFuture;

/// Where submitted transactions go: the engine on the sequencer, a forwarder to it on a full node.
pub trait TransactionSubmitter: Send + Sync + 'static {
    /// Submits an EIP-2718 encoded transaction and returns its hash once it is durable (sequencer) or accepted by the
    /// sequencer (full node).
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, SubmitError>>;

    /// Submits several, in this order; the answers come in the same order. One that is refused stops none behind it.
    fn submit_all(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(raws.len());
            for raw in raws {
                answers.push(self.submit(raw).await);
            }
            answers
        })
    }
}

/// Why a transaction is refused. Messages begin as geth's do: wallets and libraries match on them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The bytes are not an EIP-2718 transaction.
    #[error("rlp: can't decode transaction: {0}")]
    Malformed(String),
    /// A type that the L2 doesn't take from users: blob transactions, L1 messages, unknown types.
    #[error("transaction type not supported: {0:#04x} (accepted are legacy, 0x01, 0x02 and 0x04)")]
    UnsupportedType(u8),
    /// More bytes than one transaction may have.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    OversizedData {
        /// Bytes of the transaction.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Init code above EIP-3860's limit.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    OversizedInitCode {
        /// Bytes of the init code.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    WrongChainId {
        /// Chain id of the transaction.
        have: u64,
        /// Chain id of the L2.
        want: u64,
    },
    /// Legacy transaction without chain id where the configuration refuses them.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// The signature is malleable (high s), not canonical, or recovers to nobody.
    #[error("invalid sender: {0}")]
    BadSignature(String),
    /// Nonce below the sender's.
    #[error("nonce too low: address {address}, tx: {tx} state: {state}")]
    NonceTooLow {
        /// The sender.
        address: Address,
        /// Nonce of the transaction.
        tx: u64,
        /// Next nonce of the sender, open block included.
        state: u64,
    },
    /// The nonce is 2⁶⁴ − 1 (EIP-2681).
    #[error("nonce has max value")]
    NonceMax,
    /// The very same transaction is in the mempool or in the open block.
    #[error("already known")]
    AlreadyKnown,
    /// Another transaction of the sender with this nonce waits, and the fees don't exceed its enough.
    #[error("replacement transaction underpriced: needs maxFeePerGas {min_fee} and maxPriorityFeePerGas {min_tip}")]
    ReplacementUnderpriced {
        /// Lowest `maxFeePerGas` that replaces, CLN wei.
        min_fee: u128,
        /// Lowest `maxPriorityFeePerGas` that replaces, CLN wei.
        min_tip: u128,
    },
    /// The fee is below what the sequencer takes.
    #[error("transaction underpriced: maxFeePerGas {fee}, minimum needed {min}")]
    Underpriced {
        /// `maxFeePerGas` of the transaction, CLN wei.
        fee: u128,
        /// Lowest accepted, CLN wei.
        min: u128,
    },
    /// The priority fee exceeds the whole fee.
    #[error("max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas {tip}, maxFeePerGas {fee}")]
    TipAboveFeeCap {
        /// `maxPriorityFeePerGas`, CLN wei.
        tip: u128,
        /// `maxFeePerGas`, CLN wei.
        fee: u128,
    },
    /// The balance doesn't cover gas and value, with what already waits from this sender.
    #[error("insufficient funds for gas * price + value: balance {have}, tx cost {want}, overshot {}", want.saturating_sub(*have))]
    InsufficientFunds {
        /// Balance less the cost of the sender's waiting transactions, CLN wei.
        have: U256,
        /// Cost of the transaction, CLN wei.
        want: U256,
    },
    /// Gas above the limit of a block or of a transaction (EIP-7825).
    #[error("exceeds block gas limit: transaction gas {gas}, limit {limit}")]
    GasLimitTooHigh {
        /// Gas limit of the transaction.
        gas: u64,
        /// Highest accepted.
        limit: u64,
    },
    /// Gas below what the transaction costs before any execution.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas: u64,
        /// Gas needed, EIP-7623 floor included.
        needed: u64,
    },
    /// Type 4 without authorizations.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizationList,
    /// The sender has code that is no EIP-7702 delegation (EIP-3607).
    #[error("sender not an eoa: address {0}")]
    SenderNotEoa(Address),
    /// Invalid for another reason of the execution rules.
    #[error("invalid transaction: {0}")]
    Invalid(String),
    /// The mempool is full and this transaction is not better than the worst in it.
    #[error("txpool is full")]
    PoolFull,
    /// The sender has as many waiting transactions as one sender may.
    #[error("account limit exceeded: {limit} transactions of {address} already wait; send the next nonce {next_nonce}")]
    SenderLimit {
        /// The sender.
        address: Address,
        /// Most transactions that may wait.
        limit: usize,
        /// The nonce that would execute at once.
        next_nonce: u64,
    },
    /// Too many submissions at once; send again.
    #[error("sequencer is busy: {0} transactions wait to be executed, try again")]
    Busy(usize),
    /// The sequencer can't store or execute at the moment; nothing was accepted.
    #[error("sequencer is unavailable: {0}")]
    Unavailable(String),
    /// This node doesn't take transactions.
    #[error("this node does not accept transactions: no sequencer is configured")]
    ReadOnly,
    /// The sequencer's own answer, relayed as it is.
    #[error("{message}")]
    Upstream {
        /// JSON-RPC error code.
        code: i64,
        /// Message.
        message: String,
    },
}

impl SubmitError {
    /// Short stable name, a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnsupportedType(_) => "unsupported_type",
            Self::OversizedData { .. } | Self::OversizedInitCode { .. } => "oversized",
            Self::WrongChainId { .. } => "chain_id",
            Self::Unprotected => "unprotected",
            Self::BadSignature(_) => "signature",
            Self::NonceTooLow { .. } | Self::NonceMax => "nonce",
            Self::AlreadyKnown => "known",
            Self::ReplacementUnderpriced { .. } => "replacement",
            Self::Underpriced { .. } | Self::TipAboveFeeCap { .. } => "fee",
            Self::InsufficientFunds { .. } => "funds",
            Self::GasLimitTooHigh { .. } | Self::IntrinsicGas { .. } => "gas",
            Self::EmptyAuthorizationList | Self::SenderNotEoa(_) | Self::Invalid(_) => "invalid",
            Self::PoolFull | Self::SenderLimit { .. } => "limit",
            Self::Busy(_) | Self::Unavailable(_) => "unavailable",
            Self::ReadOnly => "read_only",
            Self::Upstream { .. } => "upstream",
        }
    }
}

impl From<InvalidTransaction> for SubmitError {
    fn from(invalid: InvalidTransaction) -> Self {
        use InvalidTransaction as I;
        match invalid {
            I::NonceTooLow {
                sender,
                found,
                expected,
            } => Self::NonceTooLow {
                address: sender,
                tx: found,
                state: expected,
            },
            I::NonceMax { .. } => Self::NonceMax,
            I::InsufficientFunds { balance, cost, .. } => Self::InsufficientFunds {
                have: balance,
                want: cost,
            },
            I::GasLimitAboveCap { cap, gas_limit } => Self::GasLimitTooHigh {
                gas: gas_limit,
                limit: cap,
            },
            I::TipAboveFeeCap { tip, fee_cap } => Self::TipAboveFeeCap { tip, fee: fee_cap },
            I::IntrinsicGas { gas_limit, required } | I::FloorGas { gas_limit, required } => Self::IntrinsicGas {
                gas: gas_limit,
                needed: required,
            },
            I::InitCodeSize { size, limit } => Self::OversizedInitCode { size, limit },
            I::SenderHasCode { sender, .. } => Self::SenderNotEoa(sender),
            I::EmptyAuthorizationList { .. } => Self::EmptyAuthorizationList,
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// A submitter that refuses: for nodes without a sequencer to forward to.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOnly;

impl TransactionSubmitter for ReadOnly {
    fn submit(&self, _raw: Bytes) -> BoxFuture<'_, Result<B256, SubmitError>> {
        Box::pin(async { Err(SubmitError::ReadOnly) })
    }
}
