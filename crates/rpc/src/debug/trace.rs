//! `debug_traceTransaction`, `debug_traceBlockByNumber`, `debug_traceBlockByHash`, `debug_traceCall`.

use std::sync::Arc;

use alloy::{
    consensus::transaction::Recovered,
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
    rpc::types::{
        TransactionRequest,
        trace::{
            common::TraceResult,
            geth::{GethDebugTracingCallOptions, GethDebugTracingOptions, GethTrace},
        },
    },
};
use cwe_executor::{BlockContext, BlockExecutor, BlockState, ChainEvm, EvmEnv, tx_env as executed_env};
use cwe_primitives::{QueueHash, TxEnvelope};
use jsonrpsee::core::RegisterMethodError;
use revm::context::result::EVMError;
use revm_inspectors::tracing::{DebugInspector, TransactionContext};

use super::guard::{Records, TraceGuard};
use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    eth::call::{Stage, tx_env},
    methods::{Module, heavy},
    reader::{Found, State},
    types::block::BlockView,
};

/// Trace of one transaction among those of a block.
type OneOfBlock = TraceResult<GethTrace, String>;

/// Registers the methods.
pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(
        module,
        "debug_traceTransaction",
        parse::<B256>,
        |api, (hash, options)| transaction(api, hash, options),
    )?;
    heavy(
        module,
        "debug_traceBlockByNumber",
        parse::<BlockNumberOrTag>,
        |api, (tag, options)| block(api, BlockId::Number(tag), options),
    )?;
    heavy(
        module,
        "debug_traceBlockByHash",
        parse::<B256>,
        |api, (hash, options)| block(api, BlockId::from(hash), options),
    )?;
    heavy(module, "debug_traceCall", CallArgs::parse, call)
}

fn parse<T: serde::de::DeserializeOwned>(mut args: Args<'_>) -> Result<(T, GethDebugTracingOptions), RpcError> {
    let subject = args.required()?;
    let options: Option<GethDebugTracingOptions> = args.optional()?;
    args.end()?;
    Ok((subject, options.unwrap_or_default()))
}

fn transaction(api: &Api, hash: B256, options: GethDebugTracingOptions) -> Result<GethTrace, RpcError> {
    let (block, index) = match api.find(hash)? {
        Some(Found::Sealed(block, index)) => (block, index),
        Some(Found::Open(open, tx)) => {
            let index = usize::try_from(tx.index).map_err(RpcError::internal)?;
            (Arc::new(BlockView::open(&open)), index)
        }
        None => return Err(RpcError::NotFound("transaction not found".into())),
    };
    let mut tracer = Tracer::new(api, &block, options)?;
    let (before, rest) = block.transactions.split_at_checked(index).ok_or_else(not_in_block)?;
    before.iter().try_for_each(|tx| tracer.skip(tx))?;
    tracer.trace(index, rest.first().ok_or_else(not_in_block)?)
}

fn not_in_block() -> RpcError {
    RpcError::internal("a transaction is not in the block that the index names")
}

fn block(api: &Api, id: BlockId, options: GethDebugTracingOptions) -> Result<Vec<OneOfBlock>, RpcError> {
    let block = api
        .block_of(id)?
        .ok_or_else(|| RpcError::NotFound(format!("block {id} not found")))?;
    let mut tracer = Tracer::new(api, &block, options)?;
    let traced = block.transactions.iter().enumerate().map(|(index, tx)| {
        let result = tracer.trace(index, tx)?;
        Ok(TraceResult::Success {
            result,
            tx_hash: Some(tx.inner().hash()),
        })
    });
    traced.collect()
}

/// Executes a block's transactions again, one after the other.
struct Tracer<'a> {
    block: &'a BlockView,
    env: EvmEnv,
    state: BlockState<State>,
    /// Lent to the EVM for each transaction.
    inspectors: Option<(TraceGuard, DebugInspector)>,
}

impl<'a> Tracer<'a> {
    fn new(api: &Api, block: &'a BlockView, options: GethDebugTracingOptions) -> Result<Self, RpcError> {
        let below = block
            .header
            .number
            .checked_sub(1)
            .ok_or_else(|| RpcError::Rejected("genesis is not traceable".into()))?;
        let inspectors = inspectors(api, options)?;
        let context = BlockContext::of(&block.header);
        let state = api.sealed_state(below)?.state;
        let spec = api.chain.spec();
        let executor = BlockExecutor::new(spec, context, QueueHash::default(), state).map_err(RpcError::internal)?;
        let env = EvmEnv::consensus(spec, &context);
        Ok(Self {
            block,
            env,
            state: executor.into_state(),
            inspectors: Some(inspectors),
        })
    }

    /// Executes a transaction whose trace is not wanted.
    fn skip(&mut self, tx: &Recovered<TxEnvelope>) -> Result<(), RpcError> {
        let mut evm = ChainEvm::new(self.env.clone(), &mut self.state);
        let outcome = evm.transact_envelope(tx).map_err(RpcError::internal)?;
        self.state.commit(outcome.state);
        Ok(())
    }

    fn trace(&mut self, index: usize, tx: &Recovered<TxEnvelope>) -> Result<GethTrace, RpcError> {
        let inspectors = self
            .inspectors
            .take()
            .ok_or_else(|| RpcError::internal("the tracer failed before"))?;
        let mut evm = ChainEvm::with_inspector(self.env.clone(), &mut self.state, inspectors);
        let outcome = evm.inspect_envelope(tx).map_err(stopped)?;
        let (_, (guard, mut inspector)) = evm.into_parts();
        let context = TransactionContext {
            block_hash: Some(self.block.hash),
            tx_index: Some(index),
            tx_hash: Some(tx.inner().hash()),
        };
        let trace = inspector
            .get_result(
                Some(context),
                &executed_env(tx),
                &self.env.block,
                &outcome,
                &mut self.state,
            )
            .map_err(RpcError::internal)?;
        self.state.commit(outcome.state);
        inspector.fuse().map_err(RpcError::internal)?;
        self.inspectors = Some((guard, inspector));
        Ok(trace)
    }
}

fn inspectors(api: &Api, options: GethDebugTracingOptions) -> Result<(TraceGuard, DebugInspector), RpcError> {
    let inspector =
        DebugInspector::new(options).map_err(|error| RpcError::InvalidParams(format!("tracer: {error}")))?;
    let records = match &inspector {
        DebugInspector::Default(tracing, _) | DebugInspector::Erc7562Tracer(tracing, _) => Records {
            steps: true,
            memory: tracing.config().record_memory_snapshots,
        },
        DebugInspector::PreStateTracer(..) | DebugInspector::Mux(..) => Records {
            steps: true,
            memory: false,
        },
        _ => Records {
            steps: false,
            memory: false,
        },
    };
    Ok((TraceGuard::new(&api.config, records), inspector))
}

/// Why an execution that is traced ended without a result.
fn stopped<E: std::fmt::Display>(error: EVMError<E>) -> RpcError {
    match error {
        EVMError::Custom(reason) => RpcError::Timeout(reason),
        other => RpcError::internal(other),
    }
}

struct CallArgs {
    request: TransactionRequest,
    block: BlockId,
    options: GethDebugTracingCallOptions,
}

impl CallArgs {
    fn parse(mut args: Args<'_>) -> Result<Self, RpcError> {
        let request = args.required()?;
        let block: Option<BlockId> = args.optional()?;
        let options: Option<GethDebugTracingCallOptions> = args.optional()?;
        args.end()?;
        Ok(Self {
            request,
            block: block.unwrap_or_default(),
            options: options.unwrap_or_default(),
        })
    }
}

fn call(api: &Api, args: CallArgs) -> Result<GethTrace, RpcError> {
    let options = args.options;
    if options.tx_index.is_some() {
        return Err(RpcError::Unsupported(
            "txIndex is not supported: trace on the block before".into(),
        ));
    }
    let at = api.state_at(args.block)?;
    let mut stage = Stage::new(api, at, options.state_overrides, options.block_overrides)?;
    let tx = tx_env(api, &args.request, &mut stage.db, api.config.call_gas_cap)?;
    let env = stage.env_for(&tx);
    let inspectors = inspectors(api, options.tracing_options)?;
    let mut evm = ChainEvm::with_inspector(env, &mut stage.db, inspectors);
    let outcome = evm
        .inspect(tx.clone())
        .map_err(|error| crate::eth::refusal(error, &tx, &stage.env))?;
    let (_, (_, mut inspector)) = evm.into_parts();
    inspector
        .get_result(None, &tx, &stage.env.block, &outcome, &mut stage.db)
        .map_err(RpcError::internal)
}
