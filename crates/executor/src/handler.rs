//! Ethereum's transaction handler with our two differences: where fees go, and messages from L1.

use core::marker::PhantomData;

use alloy_primitives::U256;
use revm::{
    Database, Inspector,
    context::{
        BlockEnv, Cfg, CfgEnv, Context, ContextTr, JournalTr, Transaction, TxEnv,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, HaltReason},
    },
    handler::{EvmTr, FrameResult, Handler, MainnetEvm, pre_execution},
    inspector::InspectorHandler,
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
};

/// What inspectors see: the types of Ethereum mainnet.
pub type ChainContext<DB> = Context<BlockEnv, TxEnv, CfgEnv, DB>;

/// revm's EVM with mainnet's instructions and frames.
pub(crate) type RawEvm<DB, I> = MainnetEvm<ChainContext<DB>, I>;

/// Whose rules a transaction follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Signed by its sender: Ethereum's rules.
    Signed,
    /// From the L1 queue: no fee, no signature, no nonce check; `mint` CLN wei are credited first.
    Message {
        /// CLN wei.
        mint: U256,
    },
}

/// Runs one transaction.
#[derive(Debug)]
pub(crate) struct ChainHandler<DB, I> {
    rules: Rules,
    _evm: PhantomData<fn() -> (DB, I)>,
}

impl<DB, I> ChainHandler<DB, I> {
    pub(crate) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            _evm: PhantomData,
        }
    }
}

/// Credits what a message mints and counts its nonce: the part of a message that nothing undoes.
pub(crate) fn open_message<DB: Database>(
    context: &mut ChainContext<DB>,
    mint: U256,
) -> Result<(), EVMError<DB::Error>> {
    let sender = context.tx().caller();
    let mut account = context.journal_mut().load_account_mut(sender)?.data;
    if !account.incr_balance(mint) {
        return Err(EVMError::Custom("minting overflows the sender's balance".into()));
    }
    account.bump_nonce();
    Ok(())
}

impl<DB: Database, I> Handler for ChainHandler<DB, I> {
    type Evm = RawEvm<DB, I>;
    type Error = EVMError<DB::Error>;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        match self.rules {
            Rules::Signed => revm::handler::validation::validate_env(evm.ctx()),
            Rules::Message { .. } => Ok(()),
        }
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        let context = evm.ctx();
        match self.rules {
            Rules::Message { mint } => open_message(context, mint),
            Rules::Signed => {
                // revm takes for granted that this fits; a simulated call without balance check may offer any price.
                context
                    .tx()
                    .effective_balance_spending(context.block().basefee.into(), 0)?;
                pre_execution::validate_against_state_and_deduct_caller(context)
            }
        }
    }

    fn reimburse_caller(&self, evm: &mut Self::Evm, result: &mut FrameResult) -> Result<(), Self::Error> {
        if self.rules != Rules::Signed || evm.ctx_ref().cfg().is_fee_charge_disabled() {
            return Ok(());
        }
        let gas = result.gas();
        let unused = gas.remaining().saturating_add(gas.refunded().unsigned_abs());
        let context = evm.ctx();
        let amount = fee(context, unused);
        let caller = context.tx().caller();
        pay(context, caller, amount)
    }

    /// All of the fee goes to the beneficiary, the base fee too: CLN is backed, so nothing may be burned.
    fn reward_beneficiary(&self, evm: &mut Self::Evm, result: &mut FrameResult) -> Result<(), Self::Error> {
        if self.rules != Rules::Signed || evm.ctx_ref().cfg().is_fee_charge_disabled() {
            return Ok(());
        }
        let context = evm.ctx();
        let amount = fee(context, result.gas().used());
        let beneficiary = context.block().beneficiary;
        pay(context, beneficiary, amount)
    }
}

/// What `gas` costs in this transaction, CLN wei.
fn fee<DB: Database>(context: &ChainContext<DB>, gas: u64) -> U256 {
    let price = context.tx().effective_gas_price(context.block().basefee.into());
    U256::from(price).saturating_mul(U256::from(gas))
}

fn pay<DB: Database>(
    context: &mut ChainContext<DB>,
    to: alloy_primitives::Address,
    amount: U256,
) -> Result<(), EVMError<DB::Error>> {
    context.journal_mut().load_account_mut(to)?.data.incr_balance(amount);
    Ok(())
}

impl<DB: Database, I: Inspector<ChainContext<DB>>> InspectorHandler for ChainHandler<DB, I> {
    type IT = EthInterpreter;
}
