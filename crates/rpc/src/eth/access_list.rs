//! `eth_createAccessList`.

use alloy::{
    eips::{
        BlockId,
        eip2930::{AccessList, AccessListResult},
    },
    primitives::U256,
};
use cwe_executor::ChainEvm;
use jsonrpsee::core::RegisterMethodError;
use revm::context::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;

use super::{
    call::{CallArgs, Stage, tx_env},
    halt,
};
use crate::{
    api::Api,
    error::RpcError,
    methods::{Module, heavy},
};

/// Runs until the list no longer grows; a contract that measures its own gas may never come to rest.
const MAX_RUNS: usize = 8;

/// Registers the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_createAccessList", CallArgs::parse, create)
}

fn create(api: &Api, args: CallArgs) -> Result<AccessListResult, RpcError> {
    let at = api.state_at(args.block.unwrap_or(BlockId::pending()))?;
    let mut stage = Stage::new(api, at, args.state_overrides, args.block_overrides)?;
    let gas_cap = api.config.call_gas_cap.min(stage.env.block.gas_limit);
    let mut list = args.request.access_list.clone().unwrap_or_default();
    let mut request = args.request;
    for _ in 0..MAX_RUNS {
        request.access_list = Some(list.clone());
        let tx = tx_env(api, &request, &mut stage.db, gas_cap)?;
        let env = stage.env_for(&tx);
        let inspector = AccessListInspector::new(list.clone());
        let mut evm = ChainEvm::with_inspector(env, &mut stage.db, inspector);
        let result = evm
            .inspect(tx.clone())
            .map_err(|error| halt::refusal(error, &tx, &stage.env))?
            .result;
        let (_, inspector) = evm.into_parts();
        let found = inspector.into_access_list();
        if found == list {
            return Ok(answer(list, result));
        }
        list = found;
    }
    Err(RpcError::Rejected(format!(
        "the access list still changes after {MAX_RUNS} runs"
    )))
}

fn answer(access_list: AccessList, result: ExecutionResult) -> AccessListResult {
    let gas_used = U256::from(result.tx_gas_used());
    let error = halt::output(result).err().map(|error| error.to_string());
    AccessListResult {
        access_list,
        gas_used,
        error,
    }
}
