//! `eth_estimateGas`: the least gas limit with which a call succeeds, found as geth finds it.

use std::time::{Duration, Instant};

use alloy::{
    eips::BlockId,
    primitives::{TxKind, U64, U256},
};
use jsonrpsee::core::RegisterMethodError;
use revm::{
    Database,
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason},
    },
    primitives::{eip7825::TX_GAS_LIMIT_CAP, hardfork::SpecId},
};

use super::{
    call::{CallArgs, Stage, tx_env},
    halt,
};
use crate::{
    api::Api,
    error::RpcError,
    methods::{Module, heavy},
};

/// Gas of the plainest transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value gives its callee.
const CALL_STIPEND: u64 = 2_300;
/// The search stops when its bounds are this close, in thousandths of the upper one.
const TOLERANCE_PER_MILLE: u64 = 15;

/// Registers the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_estimateGas", CallArgs::parse, |api, args| {
        estimate(api, args).map(U64::from)
    })
}

fn estimate(api: &Api, args: CallArgs) -> Result<u64, RpcError> {
    // A transaction sent next runs on the open block, so that is where its gas is measured.
    let at = api.state_at(args.block.unwrap_or(BlockId::pending()))?;
    let mut stage = Stage::new(api, at, args.state_overrides, args.block_overrides)?;
    let cap = highest(api, &stage, args.request.gas);
    let mut tx = tx_env(api, &args.request, &mut stage.db, cap)?;
    tx.gas_limit = affordable(&mut stage, &tx, cap)?;
    Search {
        stage,
        tx,
        deadline: Instant::now() + Duration::from_millis(api.config.evm_timeout_ms),
    }
    .least()
}

/// The most gas that a transaction may have: the request's own, the block's, EIP-7825's, the server's.
fn highest(api: &Api, stage: &Stage, asked: Option<u64>) -> u64 {
    let transaction_cap = if cwe_executor::SPEC_ID.is_enabled_in(SpecId::OSAKA) {
        TX_GAS_LIMIT_CAP
    } else {
        u64::MAX
    };
    asked
        .filter(|gas| *gas >= TRANSFER_GAS)
        .unwrap_or(stage.env.block.gas_limit)
        .min(transaction_cap)
        .min(api.config.call_gas_cap)
}

/// The most gas that the sender can pay for at the price it offers.
fn affordable(stage: &mut Stage, tx: &TxEnv, cap: u64) -> Result<u64, RpcError> {
    if tx.gas_price == 0 {
        return Ok(cap);
    }
    let balance = stage.db.basic(tx.caller)?.map_or(U256::ZERO, |account| account.balance);
    let left = balance
        .checked_sub(tx.value)
        .ok_or_else(|| RpcError::Rejected("insufficient funds for transfer".into()))?;
    let allowance = left / U256::from(tx.gas_price);
    Ok(u64::try_from(allowance).unwrap_or(u64::MAX).min(cap))
}

struct Search {
    stage: Stage,
    tx: TxEnv,
    deadline: Instant,
}

impl Search {
    fn least(mut self) -> Result<u64, RpcError> {
        let highest = self.tx.gas_limit;
        if self.is_plain_transfer()? && highest >= TRANSFER_GAS && self.attempt(TRANSFER_GAS)?.is_success() {
            return Ok(TRANSFER_GAS);
        }
        let first = self.attempt_unbounded(highest)?;
        let (used, refunded) = (first.gas().tx_gas_used(), first.gas().inner_refunded());
        let mut low = used.saturating_sub(1);
        let mut high = highest;
        // Most calls succeed with little more than they use: one try there saves most of the search.
        let likely = used
            .saturating_add(refunded)
            .saturating_add(CALL_STIPEND)
            .saturating_mul(64)
            / 63;
        if likely < high {
            self.narrow(&mut low, &mut high, likely)?;
        }
        while low.saturating_add(1) < high {
            if (high - low).saturating_mul(1000) / high < TOLERANCE_PER_MILLE {
                break;
            }
            // Most need little: the search is weighted towards the lower end.
            let middle = low.midpoint(high).min(low.saturating_mul(2).max(1));
            self.narrow(&mut low, &mut high, middle)?;
        }
        Ok(high)
    }

    fn narrow(&mut self, low: &mut u64, high: &mut u64, gas: u64) -> Result<(), RpcError> {
        if Instant::now() > self.deadline {
            return Err(RpcError::Timeout("gas estimation timed out".into()));
        }
        let bound = if self.attempt(gas)?.is_success() { high } else { low };
        *bound = gas;
        Ok(())
    }

    /// One execution. Too little gas to begin counts as a failure like any other.
    fn attempt(&mut self, gas: u64) -> Result<Attempt, RpcError> {
        self.tx.gas_limit = gas;
        match self.stage.run(self.tx.clone()) {
            Ok(outcome) => Ok(Attempt::Ran(outcome.result)),
            Err(RpcError::Rejected(reason)) if is_about_gas(&reason) => Ok(Attempt::TooLittleGas),
            Err(error) => Err(error),
        }
    }

    /// The execution with all gas there is: if it fails, no gas helps.
    fn attempt_unbounded(&mut self, gas: u64) -> Result<ExecutionResult, RpcError> {
        match self.attempt(gas)? {
            Attempt::Ran(result @ ExecutionResult::Success { .. }) => Ok(result),
            Attempt::TooLittleGas
            | Attempt::Ran(ExecutionResult::Halt {
                reason: HaltReason::OutOfGas(_),
                ..
            }) => Err(RpcError::Rejected(format!("gas required exceeds allowance ({gas})"))),
            Attempt::Ran(failed) => {
                halt::output(failed).and_then(|_| Err(RpcError::internal("a failed call succeeded")))
            }
        }
    }

    fn is_plain_transfer(&mut self) -> Result<bool, RpcError> {
        let TxKind::Call(to) = self.tx.kind else {
            return Ok(false);
        };
        let plain = self.tx.data.is_empty() && self.tx.access_list.is_empty() && self.tx.authorization_list.is_empty();
        Ok(plain
            && self
                .stage
                .db
                .basic(to)?
                .is_none_or(|account| account.is_empty_code_hash()))
    }
}

enum Attempt {
    Ran(ExecutionResult),
    TooLittleGas,
}

impl Attempt {
    const fn is_success(&self) -> bool {
        matches!(self, Self::Ran(ExecutionResult::Success { .. }))
    }
}

fn is_about_gas(reason: &str) -> bool {
    reason.starts_with("intrinsic gas too low") || reason.starts_with("insufficient gas for floor data gas cost")
}
