//! `eth_*`.

mod access_list;
mod blocks;
pub(crate) mod call;
mod chain;
mod estimate;
mod fees;
mod halt;
mod logs;
mod overrides;
mod proof;
mod simulate;
mod state;
pub(crate) mod submit;
mod subscribe;
mod transactions;
mod unsigned;

use jsonrpsee::core::RegisterMethodError;

pub(crate) use halt::refusal;
use overrides::{apply_block_overrides, apply_state_overrides};
pub(crate) use transactions::raw as raw_transaction;

use crate::methods::Module;

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    chain::register(module)?;
    fees::register(module)?;
    state::register(module)?;
    blocks::register(module)?;
    transactions::register(module)?;
    submit::register(module)?;
    call::register(module)?;
    estimate::register(module)?;
    access_list::register(module)?;
    simulate::register(module)?;
    proof::register(module)?;
    logs::register(module)?;
    subscribe::register(module)
}
