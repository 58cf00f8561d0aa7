//! `eth_simulateV1`: calls in imagined blocks on top of a real one. Imagined blocks have no state root.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{Header, TxReceipt, proofs, transaction::Recovered},
    eips::BlockId,
    primitives::{B256, U256},
    rpc::types::{
        TransactionRequest,
        simulate::{MAX_SIMULATE_BLOCKS, SimBlock, SimCallResult, SimulateError, SimulatePayload},
    },
};
use cwe_executor::{BlockContext, ChainEvm, EvmEnv};
use cwe_primitives::{Receipt, TxEnvelope, chain::prevrandao};
use jsonrpsee::core::RegisterMethodError;
use revm::{
    DatabaseCommit,
    context::{
        TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    database::CacheDB,
};
use revm_inspectors::transfer::TransferInspector;
use serde::Serialize;

use super::{
    apply_block_overrides, apply_state_overrides,
    call::tx_env,
    halt,
    unsigned::{tx_type, unsigned},
};
use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy},
    reader::State,
    types::{
        block::{BlockView, RpcBlock},
        receipt::logs,
    },
};

/// Seconds between imagined blocks that name no time.
const BLOCK_SECONDS: u64 = 1;

/// Codes of the specification for what is wrong with a simulation.
mod code {
    pub(super) const NONCE_TOO_LOW: i32 = -38010;
    pub(super) const NONCE_TOO_HIGH: i32 = -38011;
    pub(super) const BASE_FEE_TOO_LOW: i32 = -38012;
    pub(super) const INTRINSIC_GAS: i32 = -38013;
    pub(super) const INSUFFICIENT_FUNDS: i32 = -38014;
    pub(super) const BLOCK_GAS_LIMIT: i32 = -38015;
    pub(super) const BLOCK_NUMBER: i32 = -38020;
    pub(super) const BLOCK_TIMESTAMP: i32 = -38021;
    pub(super) const SENDER_NOT_EOA: i32 = -38024;
    pub(super) const INIT_CODE_SIZE: i32 = -38025;
    pub(super) const TOO_MANY_BLOCKS: i32 = -38026;
}

type SimulateArgs = (SimulatePayload, BlockId);

/// Registers the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_simulateV1", parse, simulate)
}

fn parse(mut args: Args<'_>) -> Result<SimulateArgs, RpcError> {
    let payload: SimulatePayload = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    args.end()?;
    if payload.block_state_calls.is_empty() {
        return Err(RpcError::InvalidParams(
            "empty input: blockStateCalls has no block".into(),
        ));
    }
    Ok((payload, id.unwrap_or_default()))
}

/// An imagined block and what its calls did.
#[derive(Debug, Clone, Serialize)]
struct SimulatedBlock {
    #[serde(flatten)]
    block: RpcBlock,
    calls: Vec<SimCallResult>,
}

fn simulate(api: &Api, (payload, id): SimulateArgs) -> Result<Vec<SimulatedBlock>, RpcError> {
    let at = api.state_at(id)?;
    let mut simulation = Simulation {
        api,
        db: CacheDB::new(at.state),
        validation: payload.validation,
        trace_transfers: payload.trace_transfers,
        gas_left: api.config.call_gas_cap,
        deadline: Instant::now() + Duration::from_millis(api.config.evm_timeout_ms),
        parent: parent_of(at.context),
    };
    let blocks = fill_gaps(payload.block_state_calls, simulation.parent.header.number)?;
    blocks
        .into_iter()
        .map(|block| {
            let (view, calls) = simulation.block(block)?;
            Ok(SimulatedBlock {
                block: view.rpc_block(payload.return_full_transactions),
                calls,
            })
        })
        .collect()
}

/// The base block as far as its successor depends on it. The open block counts as full to its target.
fn parent_of(context: BlockContext) -> Parent {
    let header = Header {
        number: context.number,
        timestamp: context.timestamp,
        gas_limit: context.gas_limit,
        gas_used: context.gas_limit / 2,
        base_fee_per_gas: Some(context.base_fee),
        parent_hash: context.parent_hash,
        extra_data: context.spec_hash.into(),
        ..Header::default()
    };
    Parent {
        hash: B256::ZERO,
        header,
    }
}

struct Parent {
    header: Header,
    hash: B256,
}

/// Puts empty blocks where numbers are left out.
fn fill_gaps(blocks: Vec<SimBlock>, base: u64) -> Result<Vec<SimBlock>, RpcError> {
    let mut filled = Vec::with_capacity(blocks.len());
    let mut last = base;
    for block in blocks {
        let next = last
            .checked_add(1)
            .ok_or_else(|| wrong(code::BLOCK_NUMBER, "block number overflows".into()))?;
        let number = match block.block_number_override() {
            Some(number) => u64::try_from(number)
                .map_err(|_| wrong(code::BLOCK_NUMBER, format!("block number {number} exceeds 64 bits")))?,
            None => next,
        };
        if number < next {
            return Err(wrong(
                code::BLOCK_NUMBER,
                format!("block numbers must be in order: {number} <= {last}"),
            ));
        }
        if number - base > MAX_SIMULATE_BLOCKS {
            return Err(wrong(
                code::TOO_MANY_BLOCKS,
                format!("too many blocks: at most {MAX_SIMULATE_BLOCKS}"),
            ));
        }
        filled.extend((next..number).map(|_| SimBlock::default()));
        filled.push(block);
        last = number;
    }
    Ok(filled)
}

fn wrong(code: i32, message: String) -> RpcError {
    RpcError::WithCode {
        code,
        message,
        data: None,
    }
}

struct Simulation<'a> {
    api: &'a Api,
    db: CacheDB<State>,
    validation: bool,
    trace_transfers: bool,
    gas_left: u64,
    deadline: Instant,
    parent: Parent,
}

/// Transactions of the block under way.
#[derive(Default)]
struct Body {
    transactions: Vec<Recovered<TxEnvelope>>,
    receipts: Vec<Receipt>,
    results: Vec<SimCallResult>,
    gas_used: u64,
}

impl Simulation<'_> {
    fn block(&mut self, block: SimBlock) -> Result<(BlockView, Vec<SimCallResult>), RpcError> {
        let mut env = self.next_env()?;
        apply_block_overrides(&mut env, &mut self.db, block.block_overrides.unwrap_or_default())?;
        let timestamp = env.block.timestamp.saturating_to::<u64>();
        if timestamp < self.parent.header.timestamp {
            let before = self.parent.header.timestamp;
            let text = format!("block timestamps must be in order: {timestamp} < {before}");
            return Err(wrong(code::BLOCK_TIMESTAMP, text));
        }
        if let Some(overrides) = block.state_overrides {
            apply_state_overrides(&mut self.db, overrides)?;
        }
        let mut body = Body::default();
        for call in block.calls {
            self.call(&env, call, &mut body)?;
        }
        let view = self.close(&env, body.transactions, body.receipts, body.gas_used);
        let mut results = body.results;
        place_logs(&view, &mut results);
        Ok((view, results))
    }

    fn next_env(&self) -> Result<EvmEnv, RpcError> {
        let (spec, parent) = (self.api.chain.spec(), &self.parent);
        let timestamp = parent.header.timestamp.saturating_add(BLOCK_SECONDS);
        let context = BlockContext::next(spec, &parent.header, parent.hash, timestamp).map_err(RpcError::internal)?;
        if self.validation {
            return Ok(EvmEnv::consensus(spec, &context));
        }
        let mut env = EvmEnv::simulation(spec, &context);
        env.block.basefee = 0;
        Ok(env)
    }

    fn call(&mut self, env: &EvmEnv, mut request: TransactionRequest, body: &mut Body) -> Result<(), RpcError> {
        if Instant::now() > self.deadline {
            return Err(RpcError::Timeout("simulation timed out".into()));
        }
        let block_gas_left = env.block.gas_limit.saturating_sub(body.gas_used);
        let gas = request.gas.unwrap_or(block_gas_left);
        if gas > block_gas_left {
            let text = format!("block gas limit reached: call asks for {gas}, the block has {block_gas_left} left");
            return Err(wrong(code::BLOCK_GAS_LIMIT, text));
        }
        request.gas = Some(gas);
        let tx = tx_env(self.api, &request, &mut self.db, self.gas_left)?;
        let result = self.execute(env, &tx)?;
        let used = result.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(used);
        body.gas_used += used;
        body.receipts.push(Receipt {
            tx_type: tx_type(&tx),
            success: result.is_success(),
            cumulative_gas_used: body.gas_used,
            logs: if result.is_success() {
                result.logs().to_vec()
            } else {
                Vec::new()
            },
        });
        body.transactions
            .push(Recovered::new_unchecked(unsigned(&tx), tx.caller));
        body.results.push(call_result(result));
        Ok(())
    }

    fn execute(&mut self, env: &EvmEnv, tx: &TxEnv) -> Result<ExecutionResult, RpcError> {
        let inspector = TransferInspector::new(false).with_logs(true);
        let outcome = if self.trace_transfers {
            ChainEvm::with_inspector(env.clone(), &mut self.db, inspector).inspect(tx.clone())
        } else {
            ChainEvm::new(env.clone(), &mut self.db).transact(tx.clone())
        };
        let outcome = outcome.map_err(|error| refusal(error, tx, env))?;
        self.db.commit(outcome.state);
        Ok(outcome.result)
    }

    /// Completes the block and makes it the parent of the next.
    fn close(
        &mut self,
        env: &EvmEnv,
        transactions: Vec<Recovered<TxEnvelope>>,
        receipts: Vec<Receipt>,
        gas_used: u64,
    ) -> BlockView {
        let context = BlockContext {
            number: env.block.number.saturating_to(),
            timestamp: env.block.timestamp.saturating_to(),
            parent_hash: self.parent.hash,
            gas_limit: env.block.gas_limit,
            base_fee: env.block.basefee,
            prevrandao: env.block.prevrandao.unwrap_or_else(|| prevrandao(self.parent.hash)),
            spec_hash: self.api.chain.spec().hash(),
        };
        let envelopes: Vec<_> = transactions.iter().map(|tx| tx.inner().clone()).collect();
        let with_bloom: Vec<_> = receipts.iter().map(TxReceipt::with_bloom_ref).collect();
        let header = Header {
            beneficiary: env.block.beneficiary,
            transactions_root: proofs::calculate_transaction_root(&envelopes),
            receipts_root: proofs::calculate_receipt_root(&with_bloom),
            logs_bloom: receipts.iter().flat_map(|receipt| &receipt.logs).collect(),
            gas_used,
            ..cwe_executor::header(&context)
        };
        let hash = header.hash_slow();
        self.db.cache.block_hashes.insert(U256::from(header.number), hash);
        self.parent = Parent {
            header: header.clone(),
            hash,
        };
        BlockView {
            hash,
            header,
            transactions,
            receipts,
        }
    }
}

fn refusal<E: std::fmt::Display>(error: EVMError<E>, tx: &TxEnv, env: &EvmEnv) -> RpcError {
    use InvalidTransaction as Invalid;

    let code = match &error {
        EVMError::Transaction(Invalid::NonceTooLow { .. }) => code::NONCE_TOO_LOW,
        EVMError::Transaction(Invalid::NonceTooHigh { .. }) => code::NONCE_TOO_HIGH,
        EVMError::Transaction(Invalid::GasPriceLessThanBasefee) => code::BASE_FEE_TOO_LOW,
        EVMError::Transaction(
            Invalid::CallGasCostMoreThanGasLimit { .. } | Invalid::GasFloorMoreThanGasLimit { .. },
        ) => code::INTRINSIC_GAS,
        EVMError::Transaction(Invalid::LackOfFundForMaxFee { .. }) => code::INSUFFICIENT_FUNDS,
        EVMError::Transaction(Invalid::CallerGasLimitMoreThanBlock) => code::BLOCK_GAS_LIMIT,
        EVMError::Transaction(Invalid::RejectCallerWithCode) => code::SENDER_NOT_EOA,
        EVMError::Transaction(Invalid::CreateInitCodeSizeLimit) => code::INIT_CODE_SIZE,
        _ => return halt::refusal(error, tx, env),
    };
    wrong(code, halt::refusal(error, tx, env).to_string())
}

fn call_result(result: ExecutionResult) -> SimCallResult {
    let gas_used = result.tx_gas_used();
    let max_used_gas = Some(result.gas().total_gas_spent());
    let status = result.is_success();
    let return_data = result.output().cloned().unwrap_or_default();
    let error = halt::output(result).err().map(|error| SimulateError {
        code: match &error {
            RpcError::Reverted(_) => SimulateError::EXECUTION_REVERTED_CODE,
            _ => SimulateError::VM_EXECUTION_ERROR_CODE,
        },
        message: error.to_string(),
        data: match error {
            RpcError::Reverted(data) => Some(data),
            _ => None,
        },
    });
    SimCallResult {
        return_data,
        logs: Vec::new(),
        gas_used,
        max_used_gas,
        status,
        error,
    }
}

/// Gives each result its logs, once the block's hash is known.
fn place_logs(view: &BlockView, results: &mut [SimCallResult]) {
    let mut first = 0;
    for (index, result) in results.iter_mut().enumerate() {
        let (Some(tx), Some(receipt)) = (view.transactions.get(index), view.receipts.get(index)) else {
            return;
        };
        result.logs = logs(tx.inner().hash(), receipt, first, view.position(index)).collect();
        first += receipt.logs.len() as u64;
    }
}
