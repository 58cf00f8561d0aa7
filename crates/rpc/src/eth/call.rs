//! `eth_call`, and what all simulated calls share: from a request to an EVM over a state.

use alloy::{
    eips::BlockId,
    primitives::{Bytes, TxKind, U256},
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use cwe_executor::{ChainEvm, EvmEnv};
use jsonrpsee::core::RegisterMethodError;
use revm::{
    Database,
    context::{
        TxEnv,
        either::Either,
        result::{ExecutionResult, ResultAndState},
    },
    database::CacheDB,
};

use super::{apply_block_overrides, apply_state_overrides, halt};
use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy},
    reader::{State, StateAt},
};

/// A request to simulate one call.
#[derive(Debug, Clone)]
pub(crate) struct CallArgs {
    /// The call.
    pub(crate) request: TransactionRequest,
    /// State it runs on; a method's default if left out.
    pub(crate) block: Option<BlockId>,
    /// Changes of that state.
    pub(crate) state_overrides: Option<StateOverride>,
    /// Changes of the block.
    pub(crate) block_overrides: Option<BlockOverrides>,
}

/// Where a call runs: state, rules, block.
pub(crate) struct Stage {
    /// State with overrides.
    pub(crate) db: CacheDB<State>,
    /// Rules and block.
    pub(crate) env: EvmEnv,
}

/// Registers the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_call", CallArgs::parse, call)
}

impl CallArgs {
    /// `request, block, state overrides, block overrides`, all but the first optional.
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, RpcError> {
        let parsed = Self {
            request: args.required()?,
            block: args.optional()?,
            state_overrides: args.optional()?,
            block_overrides: args.optional()?,
        };
        args.end()?;
        Ok(parsed)
    }
}

impl Stage {
    /// The stage for calls on a state.
    pub(crate) fn new(
        api: &Api,
        at: StateAt,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<BlockOverrides>,
    ) -> Result<Self, RpcError> {
        let mut env = EvmEnv::simulation(api.chain.spec(), &at.context);
        let mut db = CacheDB::new(at.state);
        if let Some(overrides) = block_overrides {
            apply_block_overrides(&mut env, &mut db, overrides)?;
        }
        if let Some(overrides) = state_overrides {
            apply_state_overrides(&mut db, overrides)?;
        }
        Ok(Self { db, env })
    }

    /// Runs a call and leaves the state as it was.
    pub(crate) fn run(&mut self, tx: TxEnv) -> Result<ResultAndState, RpcError> {
        let env = self.env_for(&tx);
        let mut evm = ChainEvm::new(env, &mut self.db);
        evm.transact(tx.clone())
            .map_err(|error| halt::refusal(error, &tx, &self.env))
    }

    /// The rules for one call: who names no price pays none, and is not held to the base fee.
    pub(crate) fn env_for(&self, tx: &TxEnv) -> EvmEnv {
        let mut env = self.env.clone();
        env.cfg.disable_base_fee = tx.gas_price == 0 && tx.gas_priority_fee.unwrap_or_default() == 0;
        env
    }
}

fn call(api: &Api, args: CallArgs) -> Result<Bytes, RpcError> {
    let at = api.state_at(args.block.unwrap_or_default())?;
    let mut stage = Stage::new(api, at, args.state_overrides, args.block_overrides)?;
    let tx = tx_env(api, &args.request, &mut stage.db, api.config.call_gas_cap)?;
    let outcome: ExecutionResult = stage.run(tx)?.result;
    halt::output(outcome)
}

/// The transaction of a request; gas is at most `gas_cap`, and exactly that where the request names none.
pub(crate) fn tx_env<DB>(api: &Api, request: &TransactionRequest, db: &mut DB, gas_cap: u64) -> Result<TxEnv, RpcError>
where
    DB: Database,
    RpcError: From<DB::Error>,
{
    refuse_unsupported(api, request)?;
    let caller = request.from.unwrap_or_default();
    let nonce = match request.nonce {
        Some(nonce) => nonce,
        None => db.basic(caller)?.map_or(0, |account| account.nonce),
    };
    let authorizations = request.authorization_list.clone().unwrap_or_default();
    let mut tx = TxEnv {
        tx_type: 0,
        caller,
        gas_limit: request.gas.unwrap_or(gas_cap).min(gas_cap),
        gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or_default(),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or(U256::ZERO),
        data: input(request)?,
        nonce,
        chain_id: Some(api.chain.spec().chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: request.max_priority_fee_per_gas,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: authorizations.into_iter().map(Either::Left).collect(),
    };
    if request.max_fee_per_gas.is_some() && tx.gas_priority_fee.is_none() {
        tx.gas_priority_fee = Some(0);
    }
    tx.tx_type = tx_type(request, &tx);
    Ok(tx)
}

fn tx_type(request: &TransactionRequest, tx: &TxEnv) -> u8 {
    if request.authorization_list.is_some() {
        4
    } else if tx.gas_priority_fee.is_some() {
        2
    } else {
        u8::from(request.access_list.is_some())
    }
}

fn refuse_unsupported(api: &Api, request: &TransactionRequest) -> Result<(), RpcError> {
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() || request.transaction_type == Some(3) {
        return Err(RpcError::Rejected(
            "transaction type not supported: this chain takes no blobs".into(),
        ));
    }
    if request.gas_price.is_some() && (request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some())
    {
        return Err(RpcError::InvalidParams(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".into(),
        ));
    }
    let want = api.chain.spec().chain_id;
    match request.chain_id {
        Some(have) if have != want => Err(RpcError::InvalidParams(format!(
            "chainId does not match node's (have={have}, want={want})"
        ))),
        _ => Ok(()),
    }
}

fn input(request: &TransactionRequest) -> Result<Bytes, RpcError> {
    let input = request.input.clone().try_into_unique_input().map_err(|_| {
        RpcError::InvalidParams(
            "both \"data\" and \"input\" are set and not equal: use \"input\" to pass transaction call data".into(),
        )
    })?;
    Ok(input.unwrap_or_default())
}
