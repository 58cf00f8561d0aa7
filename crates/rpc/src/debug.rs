//! `debug_*`: traces, raw encodings, execution witnesses.

mod guard;
mod raw;
mod trace;
mod witness;

use jsonrpsee::core::RegisterMethodError;

use crate::methods::Module;

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    trace::register(module)?;
    raw::register(module)?;
    witness::register(module)
}
