//! The EVM of this chain, for execution, calls and traces.

use alloy_consensus::transaction::Recovered;
use alloy_primitives::{Address, Bytes, U256};
use cwe_primitives::{
    ChainSpec, L1Message, TxEnvelope, predeploys,
    transaction::{L1_MESSAGE_TYPE, recover_authority},
};
use revm::{
    Database, Inspector,
    context::{
        BlockEnv, CfgEnv, Context, ContextSetters, ContextTr, Evm, FrameStack, JournalTr, LocalContextTr,
        TransactionType, TxEnv,
        either::Either,
        result::{EVMError, ExecutionResult, HaltReason, OutOfGasError, ResultAndState, ResultGas},
    },
    handler::{EthPrecompiles, EvmTr, Handler, instructions::EthInstructions},
    inspector::{InspectorHandler, NoOpInspector},
    primitives::hardfork::SpecId,
    state::EvmState,
};

pub use crate::handler::ChainContext;
use crate::{
    block::BlockContext,
    handler::{ChainHandler, RawEvm, Rules, open_message},
    modular, precompiles,
};

/// The Ethereum hard fork whose rules this chain follows.
pub const SPEC_ID: SpecId = SpecId::OSAKA;

/// Most gas one L1 message may use. `Inbox` refuses more; a message that asks for more all the same fails unexecuted
/// and counts for this much.
pub const MAX_MESSAGE_GAS: u64 = 2_000_000;

/// Frames preallocated: deeper calls grow the stack.
const PREALLOCATED_FRAMES: usize = 8;

/// Rules and block under which a transaction runs.
#[derive(Debug, Clone)]
pub struct EvmEnv {
    /// Rules.
    pub cfg: CfgEnv,
    /// Block.
    pub block: BlockEnv,
}

impl EvmEnv {
    /// What blocks are executed under.
    pub fn consensus(spec: &ChainSpec, context: &BlockContext) -> Self {
        let cfg = CfgEnv::new_with_spec(SPEC_ID).with_chain_id(spec.chain_id);
        Self {
            cfg,
            block: context.env(),
        }
    }

    /// What `eth_call` and its relatives run under: no check of nonce, base fee, chain id, sender's code, block gas
    /// limit or transaction gas cap. The sender's balance is checked unless the caller sets
    /// `cfg.disable_balance_check`.
    pub fn simulation(spec: &ChainSpec, context: &BlockContext) -> Self {
        let mut env = Self::consensus(spec, context);
        env.cfg.tx_chain_id_check = false;
        env.cfg.tx_gas_limit_cap = Some(u64::MAX);
        env.cfg.disable_nonce_check = true;
        env.cfg.disable_base_fee = true;
        env.cfg.disable_block_gas_limit = true;
        env.cfg.disable_eip3607 = true;
        env
    }
}

/// Result of one transaction: what happened, and every account it touched.
pub type TransactResult<DB> = Result<ResultAndState, EVMError<<DB as Database>::Error>>;

/// revm with this chain's fees, messages and precompiles.
///
/// It keeps no state between transactions: each starts on what the database says, and the caller commits what it
/// changed, or doesn't.
#[derive(Debug)]
pub struct ChainEvm<DB: Database, I = NoOpInspector> {
    inner: RawEvm<DB, I>,
}

impl<DB: Database> ChainEvm<DB> {
    /// An EVM over `db` that nobody inspects.
    pub fn new(env: EvmEnv, db: DB) -> Self {
        Self::with_inspector(env, db, NoOpInspector)
    }
}

impl<DB: Database, I> ChainEvm<DB, I> {
    /// An EVM over `db` whose `inspect` calls report to `inspector`.
    pub fn with_inspector(env: EvmEnv, db: DB, inspector: I) -> Self {
        let ctx = Context::<BlockEnv, TxEnv, CfgEnv, DB>::new(db, SPEC_ID)
            .with_cfg(env.cfg)
            .with_block(env.block);
        let mut instruction = EthInstructions::new_mainnet_with_spec(SPEC_ID);
        modular::hook(&mut instruction);
        let inner = Evm {
            ctx,
            inspector,
            instruction,
            precompiles: EthPrecompiles {
                precompiles: precompiles::all(),
                spec: SPEC_ID,
            },
            frame_stack: FrameStack::new_prealloc(PREALLOCATED_FRAMES),
        };
        Self { inner }
    }

    /// The state below.
    pub fn db(&self) -> &DB {
        self.inner.ctx.db()
    }

    /// The state below, to commit to.
    pub fn db_mut(&mut self) -> &mut DB {
        self.inner.ctx.db_mut()
    }

    /// The inspector.
    pub const fn inspector(&self) -> &I {
        &self.inner.inspector
    }

    /// The inspector, to reset it between transactions.
    pub const fn inspector_mut(&mut self) -> &mut I {
        &mut self.inner.inspector
    }

    /// The block under which transactions run.
    pub const fn block(&self) -> &BlockEnv {
        &self.inner.ctx.block
    }

    /// The rules under which transactions run.
    pub const fn cfg(&self) -> &CfgEnv {
        &self.inner.ctx.cfg
    }

    /// State and inspector.
    pub fn into_parts(self) -> (DB, I) {
        (self.inner.ctx.journaled_state.database, self.inner.inspector)
    }

    /// Runs `tx` as a signed transaction, uninspected.
    ///
    /// # Errors
    /// The transaction is invalid under the environment's rules, or the state can't be read.
    pub fn transact(&mut self, tx: TxEnv) -> TransactResult<DB> {
        self.inner.ctx.set_tx(tx);
        let result = ChainHandler::new(Rules::Signed).run(&mut self.inner);
        self.take(result)
    }

    /// Runs a transaction of the chain, uninspected: a message from L1 by its own rules, any other as signed.
    ///
    /// # Errors
    /// As [`ChainEvm::transact`]; a message is never invalid.
    pub fn transact_envelope(&mut self, tx: &Recovered<TxEnvelope>) -> TransactResult<DB> {
        self.inner.ctx.set_tx(tx_env(tx));
        let result = match self.open(tx) {
            Ok(Opened::Run(rules)) => ChainHandler::new(rules).run(&mut self.inner),
            Ok(Opened::Done(result)) => Ok(result),
            Err(error) => Err(error),
        };
        self.take(result)
    }

    /// Checks whether a signed transaction could run, and leaves no trace. A message always can.
    ///
    /// # Errors
    /// As [`ChainEvm::transact`].
    pub fn validate(&mut self, tx: &Recovered<TxEnvelope>) -> Result<(), EVMError<DB::Error>> {
        if tx.is_l1_message() {
            return Ok(());
        }
        self.inner.ctx.set_tx(tx_env(tx));
        let result = ChainHandler::new(Rules::Signed).validate(&mut self.inner).map(drop);
        self.discard();
        result
    }

    /// Calls a system contract as on Ethereum: no fee, no nonce, 30 million gas.
    pub(crate) fn system_call(&mut self, contract: Address, data: Bytes) -> TransactResult<DB> {
        self.inner.ctx.set_tx(TxEnv {
            caller: predeploys::SYSTEM_CALLER,
            kind: contract.into(),
            data,
            gas_limit: SYSTEM_CALL_GAS,
            ..TxEnv::default()
        });
        let result = ChainHandler::new(Rules::Signed).run_system_call(&mut self.inner);
        self.take(result)
    }

    /// Settles a message that can't run at all; tells how any other transaction is to be run.
    fn open(&mut self, tx: &Recovered<TxEnvelope>) -> Result<Opened, EVMError<DB::Error>> {
        let rules = rules_of(tx.inner());
        let Some(message) = tx.as_l1_message() else {
            return Ok(Opened::Run(rules));
        };
        let Some(reason) = self.refusal(message, rules)? else {
            return Ok(Opened::Run(rules));
        };
        open_message(&mut self.inner.ctx, U256::from(message.mint))?;
        let gas = ResultGas::default().with_total_gas_spent(message_gas(message));
        Ok(Opened::Done(ExecutionResult::Halt {
            reason,
            gas,
            logs: Default::default(),
        }))
    }

    /// Why a message fails without being executed: what makes a signed transaction invalid must not stop the queue.
    fn refusal(&mut self, message: &L1Message, rules: Rules) -> Result<Option<HaltReason>, EVMError<DB::Error>> {
        if message.gas_limit > MAX_MESSAGE_GAS {
            return Ok(Some(HaltReason::OutOfGas(OutOfGasError::Basic)));
        }
        match ChainHandler::new(rules).validate_initial_tx_gas(&mut self.inner) {
            Ok(_) => {}
            Err(EVMError::Transaction(_)) => return Ok(Some(HaltReason::OutOfGas(OutOfGasError::Basic))),
            Err(other) => return Err(other),
        }
        let balance = self
            .inner
            .ctx
            .journal_mut()
            .load_account(message.sender)?
            .data
            .info
            .balance;
        let funds = balance.saturating_add(U256::from(message.mint));
        Ok((funds < U256::from(message.value)).then_some(HaltReason::OutOfFunds))
    }

    fn take(&mut self, result: Result<ExecutionResult, EVMError<DB::Error>>) -> TransactResult<DB> {
        match result {
            Ok(result) => Ok(ResultAndState::new(result, self.inner.ctx.journal_mut().finalize())),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }

    fn discard(&mut self) {
        self.inner.ctx.local.clear();
        self.inner.frame_stack().clear();
        let _: EvmState = self.inner.ctx.journal_mut().finalize();
    }
}

impl<DB: Database, I: Inspector<ChainContext<DB>>> ChainEvm<DB, I> {
    /// As [`ChainEvm::transact`], reporting to the inspector.
    ///
    /// # Errors
    /// As [`ChainEvm::transact`].
    pub fn inspect(&mut self, tx: TxEnv) -> TransactResult<DB> {
        self.inner.ctx.set_tx(tx);
        let result = ChainHandler::new(Rules::Signed).inspect_run(&mut self.inner);
        self.take(result)
    }

    /// As [`ChainEvm::transact_envelope`], reporting to the inspector. It hears nothing of a message that fails before
    /// its call.
    ///
    /// # Errors
    /// As [`ChainEvm::transact_envelope`].
    pub fn inspect_envelope(&mut self, tx: &Recovered<TxEnvelope>) -> TransactResult<DB> {
        self.inner.ctx.set_tx(tx_env(tx));
        let result = match self.open(tx) {
            Ok(Opened::Run(rules)) => ChainHandler::new(rules).inspect_run(&mut self.inner),
            Ok(Opened::Done(result)) => Ok(result),
            Err(error) => Err(error),
        };
        self.take(result)
    }
}

/// Gas of a system call, as on Ethereum.
const SYSTEM_CALL_GAS: u64 = 30_000_000;

enum Opened {
    Run(Rules),
    Done(ExecutionResult),
}

fn rules_of(tx: &TxEnvelope) -> Rules {
    tx.as_l1_message().map_or(Rules::Signed, |message| Rules::Message {
        mint: U256::from(message.mint),
    })
}

/// Gas that a message counts for in its block's limit.
pub const fn message_gas(message: &L1Message) -> u64 {
    if message.gas_limit < MAX_MESSAGE_GAS {
        message.gas_limit
    } else {
        MAX_MESSAGE_GAS
    }
}

/// A transaction of the chain as revm takes it.
pub fn tx_env(tx: &Recovered<TxEnvelope>) -> TxEnv {
    let caller = tx.signer();
    match tx.inner() {
        TxEnvelope::Legacy(signed) => TxEnv {
            tx_type: TransactionType::Legacy as u8,
            gas_price: signed.tx().gas_price,
            ..common(signed.tx(), caller)
        },
        TxEnvelope::Eip2930(signed) => TxEnv {
            tx_type: TransactionType::Eip2930 as u8,
            gas_price: signed.tx().gas_price,
            access_list: signed.tx().access_list.clone(),
            ..common(signed.tx(), caller)
        },
        TxEnvelope::Eip1559(signed) => TxEnv {
            tx_type: TransactionType::Eip1559 as u8,
            access_list: signed.tx().access_list.clone(),
            ..common(signed.tx(), caller)
        },
        TxEnvelope::Eip7702(signed) => TxEnv {
            tx_type: TransactionType::Eip7702 as u8,
            access_list: signed.tx().access_list.clone(),
            authorization_list: signed
                .tx()
                .authorization_list
                .iter()
                .map(|signed| Either::Right(recover_authority(signed)))
                .collect(),
            ..common(signed.tx(), caller)
        },
        // The queue index is not a nonce: messages have none, and count one up.
        TxEnvelope::L1Message(message) => TxEnv {
            tx_type: L1_MESSAGE_TYPE,
            nonce: 0,
            ..common(message.inner(), caller)
        },
    }
}

fn common(tx: &impl alloy_consensus::Transaction, caller: Address) -> TxEnv {
    TxEnv {
        tx_type: 0,
        caller,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: Default::default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: Default::default(),
        max_fee_per_blob_gas: 0,
        authorization_list: Default::default(),
    }
}
