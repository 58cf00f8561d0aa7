//! The open block: transactions go in one by one, receipts come out at once.

use alloc::{string::ToString, vec::Vec};

use alloy_consensus::{Transaction as _, TxReceipt, transaction::Recovered};
use alloy_primitives::{Address, B256, Bloom, U256};
use cwe_primitives::{ChainSpec, L1Message, QueueHash, Receipt, StateChanges, TxEnvelope, TxType, predeploys};
use revm::{
    Database, DatabaseRef,
    context::result::{EVMError, ExecutionResult, ResultAndState},
};

use crate::{
    block::BlockContext,
    error::{BlockError, ExecutionError, MessageError},
    evm::{ChainEvm, EvmEnv, message_gas},
    invalid::reason,
    state::{BlockState, TxChanges},
};

/// One open block over the state after its parent.
///
/// Messages come first, then transactions; an invalid one leaves no trace. [`BlockExecutor::finish`] closes the block.
#[derive(Debug)]
pub struct BlockExecutor<DB: DatabaseRef> {
    evm: ChainEvm<BlockState<DB>>,
    context: BlockContext,
    message_gas_limit: u64,
    queue: QueueHash,
    messages: u64,
    message_gas_used: u64,
    gas_used: u64,
    receipts: Vec<Receipt>,
    blooms: Vec<Bloom>,
    system_changes: TxChanges,
}

/// One executed transaction.
#[derive(Debug, Clone)]
pub struct ExecutedTx {
    /// Its receipt, logs included.
    pub receipt: Receipt,
    /// Bloom filter of the receipt's logs.
    pub bloom: Bloom,
    /// Gas it used, refunds subtracted.
    pub gas_used: u64,
    /// What it paid, CLN wei per gas; 0 for a message.
    pub effective_gas_price: u128,
    /// The contract that it tried to create, whether it succeeded or not.
    pub contract_address: Option<Address>,
    /// How it ended, with output or revert data; the logs are in the receipt.
    pub result: ExecutionResult,
    /// What it changed.
    pub changes: TxChanges,
}

/// A closed block without its state root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockOutcome {
    /// The block's context.
    pub context: BlockContext,
    /// Receipts of all messages and transactions, in order.
    pub receipts: Vec<Receipt>,
    /// Gas used by all.
    pub gas_used: u64,
    /// Bloom filter over all logs.
    pub logs_bloom: Bloom,
    /// Bloom filter of each receipt: the header's root needs them again, and each costs a Keccak a topic.
    pub(crate) blooms: Vec<Bloom>,
    /// What the block changes in the state.
    pub changes: StateChanges,
    /// The L1 queue after the block's messages.
    pub queue: QueueHash,
    /// How many of the transactions are messages.
    pub message_count: u64,
    /// Root of the withdrawal tree after the block.
    pub withdrawal_root: B256,
}

type Error<DB> = ExecutionError<<DB as DatabaseRef>::Error>;

impl<DB: DatabaseRef> BlockExecutor<DB> {
    /// Opens a block on `db`, the state after its parent; `queue` is the L1 queue after the parent.
    ///
    /// # Errors
    /// The state can't be read, or the EIP-2935 system call fails.
    pub fn new(
        spec: &ChainSpec,
        context: BlockContext,
        queue: QueueHash,
        db: DB,
    ) -> Result<Self, BlockError<DB::Error>> {
        let mut state = BlockState::new(db);
        state.set_block_hash(context.number.saturating_sub(1), context.parent_hash);
        let mut executor = Self {
            evm: ChainEvm::new(EvmEnv::consensus(spec, &context), state),
            context,
            message_gas_limit: spec.message_gas_limit(),
            queue,
            messages: 0,
            message_gas_used: 0,
            gas_used: 0,
            receipts: Vec::new(),
            blooms: Vec::new(),
            system_changes: TxChanges::default(),
        };
        executor.store_parent_hash()?;
        Ok(executor)
    }

    /// The block's context.
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// The L1 queue after the messages executed so far.
    pub const fn queue(&self) -> QueueHash {
        self.queue
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Gas left: the highest gas limit that the next transaction may have.
    pub const fn gas_left(&self) -> u64 {
        self.context.gas_limit.saturating_sub(self.gas_used)
    }

    /// Gas left for messages.
    pub const fn message_gas_left(&self) -> u64 {
        self.message_gas_limit.saturating_sub(self.message_gas_used)
    }

    /// Receipts so far.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Messages and transactions so far.
    pub const fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Whether nothing has been executed yet.
    pub const fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    /// What opening the block changed, before any transaction: the history contract's new slot.
    pub const fn system_changes(&self) -> &TxChanges {
        &self.system_changes
    }

    /// The state as the next transaction will see it.
    pub fn state(&self) -> &BlockState<DB> {
        self.evm.db()
    }

    /// The state as the next transaction will see it; reads are remembered.
    pub fn state_mut(&mut self) -> &mut BlockState<DB> {
        self.evm.db_mut()
    }

    /// Leaves the block open for ever and gives its state: to trace the next transaction.
    pub fn into_state(self) -> BlockState<DB> {
        self.evm.into_parts().0
    }

    /// Checks whether `tx` could be executed now.
    ///
    /// # Errors
    /// As [`BlockExecutor::execute`].
    pub fn check(&mut self, tx: &Recovered<TxEnvelope>) -> Result<(), Error<DB>> {
        if let Some(message) = tx.as_l1_message() {
            return self.check_message(message).map(drop).map_err(ExecutionError::Message);
        }
        self.check_gas(tx)?;
        self.evm.validate(tx).map_err(|error| self.error(error, tx))
    }

    /// Executes a transaction or message.
    ///
    /// # Errors
    /// It is not allowed here, or the state can't be read. The block is then as it was.
    pub fn execute(&mut self, tx: &Recovered<TxEnvelope>) -> Result<ExecutedTx, Error<DB>> {
        self.admit(tx, |block| block.run(tx))
    }

    /// [`Self::execute`] for whoever wants the block only.
    pub(crate) fn add(&mut self, tx: &Recovered<TxEnvelope>) -> Result<(), Error<DB>> {
        self.admit(tx, |block| block.run_quietly(tx))
    }

    /// Runs a transaction if it is allowed here; counts messages.
    fn admit<T>(
        &mut self,
        tx: &Recovered<TxEnvelope>,
        run: impl FnOnce(&mut Self) -> Result<T, Error<DB>>,
    ) -> Result<T, Error<DB>> {
        let Some(message) = tx.as_l1_message() else {
            self.check_gas(tx)?;
            return run(self);
        };
        let queue = self.check_message(message).map_err(ExecutionError::Message)?;
        let done = run(self)?;
        self.queue = queue;
        self.messages += 1;
        self.message_gas_used = self.message_gas_used.saturating_add(message_gas(message));
        Ok(done)
    }

    /// Closes the block.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn finish(self) -> Result<BlockOutcome, BlockError<DB::Error>> {
        let (mut outcome, state) = self.close()?;
        outcome.changes = state.changes();
        Ok(outcome)
    }

    /// Closes the block and gives its state, in which the changes are that the outcome lacks.
    pub(crate) fn close(mut self) -> Result<(BlockOutcome, BlockState<DB>), BlockError<DB::Error>> {
        let withdrawal_root: B256 = self
            .evm
            .db_mut()
            .storage(predeploys::MESSAGE_PASSER, U256::ZERO)
            .map_err(BlockError::Database)?
            .into();
        let outcome = BlockOutcome {
            logs_bloom: self.blooms.iter().fold(Bloom::ZERO, |all, bloom| all | *bloom),
            blooms: self.blooms,
            changes: StateChanges::default(),
            context: self.context,
            receipts: self.receipts,
            gas_used: self.gas_used,
            queue: self.queue,
            message_count: self.messages,
            withdrawal_root,
        };
        Ok((outcome, self.evm.into_parts().0))
    }

    fn store_parent_hash(&mut self) -> Result<(), BlockError<DB::Error>> {
        let parent_hash = self.context.parent_hash;
        let failure = |reason| BlockError::SystemCall {
            number: self.context.number,
            reason,
        };
        let ResultAndState { result, state } =
            match self.evm.system_call(predeploys::HISTORY_STORAGE, parent_hash.into()) {
                Ok(outcome) => outcome,
                Err(EVMError::Database(error)) => return Err(BlockError::Database(error)),
                Err(error) => return Err(failure(error.to_string())),
            };
        if !result.is_success() {
            return Err(failure(result.to_string()));
        }
        self.system_changes = self.evm.db_mut().commit(state);
        Ok(())
    }

    fn check_gas(&self, tx: &TxEnvelope) -> Result<(), Error<DB>> {
        let (gas_limit, available) = (tx.gas_limit(), self.gas_left());
        if gas_limit > available {
            let reason = crate::error::InvalidTransaction::BlockGasExceeded { gas_limit, available };
            return Err(ExecutionError::Invalid(reason));
        }
        Ok(())
    }

    /// The queue after `message`, if it may be executed now.
    fn check_message(&self, message: &L1Message) -> Result<QueueHash, MessageError> {
        if self.receipts.len() as u64 != self.messages {
            return Err(MessageError::AfterTransaction { index: message.index });
        }
        let mut queue = self.queue;
        queue.append(message)?;
        let (gas, available) = (message_gas(message), self.message_gas_left());
        if gas > available {
            return Err(MessageError::GasExceeded {
                index: message.index,
                gas,
                available,
            });
        }
        Ok(queue)
    }

    fn run(&mut self, tx: &Recovered<TxEnvelope>) -> Result<ExecutedTx, Error<DB>> {
        let ResultAndState { mut result, state } =
            self.evm.transact_envelope(tx).map_err(|error| self.error(error, tx))?;
        let changes = self.evm.db_mut().commit(state);
        let receipt = self.receipt(tx, &mut result);
        self.receipts.push(receipt.clone());
        Ok(ExecutedTx {
            receipt,
            bloom: self.blooms.last().copied().unwrap_or_default(),
            gas_used: result.tx_gas_used(),
            effective_gas_price: tx.effective_gas_price(Some(self.context.base_fee)),
            contract_address: tx.is_create().then(|| tx.signer().create(tx.nonce())),
            result,
            changes,
        })
    }

    fn run_quietly(&mut self, tx: &Recovered<TxEnvelope>) -> Result<(), Error<DB>> {
        let ResultAndState { mut result, state } =
            self.evm.transact_envelope(tx).map_err(|error| self.error(error, tx))?;
        self.evm.db_mut().take_over(state);
        let receipt = self.receipt(tx, &mut result);
        self.receipts.push(receipt);
        Ok(())
    }

    /// Counts a transaction's gas and makes its receipt, which gets its logs.
    fn receipt(&mut self, tx: &TxEnvelope, result: &mut ExecutionResult) -> Receipt {
        self.gas_used = self.gas_used.saturating_add(result.tx_gas_used());
        let receipt = Receipt {
            tx_type: tx_type(tx),
            success: result.is_success(),
            cumulative_gas_used: self.gas_used,
            logs: take_logs(result),
        };
        self.blooms.push(receipt.bloom());
        receipt
    }

    fn error(&self, error: EVMError<DB::Error>, tx: &Recovered<TxEnvelope>) -> Error<DB> {
        match error {
            EVMError::Transaction(invalid) => {
                ExecutionError::Invalid(reason(invalid, tx, self.evm.cfg(), self.evm.block(), self.evm.db()))
            }
            EVMError::Database(error) => ExecutionError::Database(error),
            EVMError::Header(header) => ExecutionError::Evm(header.to_string()),
            EVMError::Custom(reason) => ExecutionError::Evm(reason),
            EVMError::CustomAny(reason) => ExecutionError::Evm(reason.to_string()),
        }
    }
}

const fn tx_type(tx: &TxEnvelope) -> TxType {
    match tx {
        TxEnvelope::Legacy(_) => TxType::Legacy,
        TxEnvelope::Eip2930(_) => TxType::Eip2930,
        TxEnvelope::Eip1559(_) => TxType::Eip1559,
        TxEnvelope::Eip7702(_) => TxType::Eip7702,
        TxEnvelope::L1Message(_) => TxType::L1Message,
    }
}

/// Logs of a success; a failed transaction has none.
fn take_logs(result: &mut ExecutionResult) -> Vec<alloy_primitives::Log> {
    match result {
        ExecutionResult::Success { logs, .. } => core::mem::take(logs),
        ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
    }
}
