//! What can be wrong with a transaction, a block, or the state under them.

use alloc::{boxed::Box, string::String};

use alloy_primitives::{Address, B256, U256};
use cwe_primitives::queue::UnexpectedIndex;
use cwe_trie::TrieError;

/// Why a transaction can't be in the open block. It leaves no trace there.
///
/// The figures are the ones that geth's messages carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTransaction {
    /// The sender has already sent a transaction with this nonce.
    #[error("nonce too low: address {sender}, tx: {found} state: {expected}")]
    NonceTooLow {
        /// Sender.
        sender: Address,
        /// Nonce of the transaction.
        found: u64,
        /// Next nonce of the sender.
        expected: u64,
    },
    /// Transactions of the sender are missing before this one.
    #[error("nonce too high: address {sender}, tx: {found} state: {expected}")]
    NonceTooHigh {
        /// Sender.
        sender: Address,
        /// Nonce of the transaction.
        found: u64,
        /// Next nonce of the sender.
        expected: u64,
    },
    /// The nonce can't be counted further (EIP-2681).
    #[error("nonce has max value: address {sender}, nonce: {nonce}")]
    NonceMax {
        /// Sender.
        sender: Address,
        /// Nonce of the transaction.
        nonce: u64,
    },
    /// The sender can't pay value and the highest fee it offers.
    #[error("insufficient funds for gas * price + value: address {sender} have {balance} want {cost}")]
    InsufficientFunds {
        /// Sender.
        sender: Address,
        /// Its balance, CLN wei.
        balance: U256,
        /// Value plus gas limit times fee cap, CLN wei.
        cost: U256,
    },
    /// Gas limit times fee cap plus value exceeds 256 bits.
    #[error("gas limit times fee cap plus value overflows 256 bits")]
    CostOverflow,
    /// The gas limit is above what the block has left.
    #[error("gas limit reached: transaction asks for {gas_limit}, block has {available} left")]
    BlockGasExceeded {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas left in the block.
        available: u64,
    },
    /// The gas limit is above the cap for one transaction (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasLimitAboveCap {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Highest allowed.
        cap: u64,
    },
    /// The fee cap, or gas price, does not cover the base fee.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {fee_cap}, baseFee: {base_fee}")]
    FeeBelowBaseFee {
        /// Highest fee the transaction offers, CLN wei per gas.
        fee_cap: u128,
        /// Base fee of the block, CLN wei per gas.
        base_fee: u64,
    },
    /// The tip is above the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee_cap}"
    )]
    TipAboveFeeCap {
        /// Tip, CLN wei per gas.
        tip: u128,
        /// Fee cap, CLN wei per gas.
        fee_cap: u128,
    },
    /// The gas limit does not cover the intrinsic cost.
    #[error("intrinsic gas too low: have {gas_limit}, want {required}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Intrinsic gas.
        required: u64,
    },
    /// The gas limit does not cover the data's floor cost (EIP-7623).
    #[error("insufficient gas for floor data gas cost: have {gas_limit}, want {required}")]
    FloorGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Floor gas.
        required: u64,
    },
    /// Signed for another chain, or for none although its type must name one.
    #[error("invalid chain id for signer: have {} want {expected}", DisplayChainId(*.found))]
    ChainId {
        /// Chain id of the transaction; `None` if it names none.
        found: Option<u64>,
        /// Chain id of this chain.
        expected: u64,
    },
    /// Init code longer than EIP-3860 allows.
    #[error("max initcode size exceeded: code size {size} limit {limit}")]
    InitCodeSize {
        /// Bytes of init code.
        size: usize,
        /// Most bytes allowed.
        limit: usize,
    },
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa: address {sender}, codehash: {code_hash}")]
    SenderHasCode {
        /// Sender.
        sender: Address,
        /// Hash of its code.
        code_hash: B256,
    },
    /// A type 4 transaction without authorizations.
    #[error("EIP-7702 transaction with empty auth list (sender {sender})")]
    EmptyAuthorizationList {
        /// Sender.
        sender: Address,
    },
    /// Another rule of the EVM. Not reached by transactions that this chain can decode.
    #[error("transaction is invalid: {0}")]
    Other(String),
}

struct DisplayChainId(Option<u64>);

impl core::fmt::Display for DisplayChainId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(id) => write!(f, "{id}"),
            None => f.write_str("none"),
        }
    }
}

/// Why an L1 message can't be executed in the open block now. Unlike a transaction, a message in the right place is
/// never invalid: whatever it does, it gets a receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not the next message of the queue.
    #[error(transparent)]
    Queue(#[from] UnexpectedIndex),
    /// Messages come before all transactions of a block.
    #[error("L1 message {index} comes after a transaction; messages must be first in their block")]
    AfterTransaction {
        /// Index of the message.
        index: u64,
    },
    /// The messages of one block may ask for at most half of its gas.
    #[error("L1 message {index} asks for {gas} gas, the block has {available} left for messages; take it in the next")]
    GasExceeded {
        /// Index of the message.
        index: u64,
        /// Gas that the message counts for.
        gas: u64,
        /// Gas left for messages in the block.
        available: u64,
    },
}

/// Why a transaction or message was not executed. The open block is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError<E: core::error::Error + 'static> {
    /// The transaction can't be in this block.
    #[error(transparent)]
    Invalid(InvalidTransaction),
    /// The L1 message can't be in this place.
    #[error(transparent)]
    Message(MessageError),
    /// The state could not be read.
    #[error("state can't be read: {0}")]
    Database(#[source] E),
    /// The EVM gave up without blaming the transaction; a defect of this program or of the state under it.
    #[error("EVM failed: {0}")]
    Evm(String),
}

/// Why a header can't follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Time ran backwards.
    #[error("block {number} has timestamp {timestamp}, its parent {parent}: it must not be earlier")]
    TimestampBeforeParent {
        /// Number of the block.
        number: u64,
        /// Its timestamp, seconds.
        timestamp: u64,
        /// Its parent's timestamp, seconds.
        parent: u64,
    },
    /// The parent belongs to a chain with other parameters.
    #[error(
        "the parent of block {number} was not made under these chain parameters (hash {expected}); use its chain's"
    )]
    OtherParameters {
        /// Number of the block.
        number: u64,
        /// [`ChainSpec::hash`](cwe_primitives::ChainSpec::hash) of the parameters at hand.
        expected: B256,
    },
    /// There is no number after the parent's.
    #[error("block number overflows 64 bits")]
    NumberOverflow,
}

/// Why a whole block can't be executed.
#[derive(Debug, thiserror::Error)]
pub enum BlockError<E: core::error::Error + 'static> {
    /// The block can't follow its parent.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A transaction or message is not allowed where it is.
    #[error("transaction {position} of block {number}: {source}")]
    Transaction {
        /// Number of the block.
        number: u64,
        /// Position in the block, messages counted.
        position: usize,
        /// What is wrong.
        source: ExecutionError<E>,
    },
    /// The state could not be read.
    #[error("state can't be read: {0}")]
    Database(#[source] E),
    /// The EIP-2935 system call failed: genesis lacks the right contract.
    #[error("EIP-2935 system call of block {number} failed: {reason}")]
    SystemCall {
        /// Number of the block.
        number: u64,
        /// What the EVM said.
        reason: String,
    },
    /// The new state root can't be computed.
    #[error("state root can't be computed: {0}")]
    Trie(#[source] Box<TrieError<E>>),
}
