//! The table of methods: how each is registered, and how it runs.

use std::sync::Arc;

use jsonrpsee::{Methods, RpcModule, core::RegisterMethodError};
use serde::Serialize;

use crate::{api::Api, args::Args, cwe, debug, error::RpcError, eth, net, txpool};

/// Methods and what they share.
pub(crate) type Module = RpcModule<Api>;

/// Registers the methods of all namespaces.
pub(crate) fn all(api: Arc<Api>) -> Result<Methods, RegisterMethodError> {
    let serve_debug = api.config.debug;
    let mut module = RpcModule::from_arc(api);
    eth::register(&mut module)?;
    net::register(&mut module)?;
    txpool::register(&mut module)?;
    cwe::register(&mut module)?;
    if serve_debug {
        debug::register(&mut module)?;
    }
    Ok(module.into())
}

/// Registers a method that answers at once: from memory, or by a few reads of the database.
pub(crate) fn quick<T, F>(module: &mut Module, name: &'static str, method: F) -> Result<(), RegisterMethodError>
where
    T: Serialize + Clone + 'static,
    F: Fn(&Api, Args<'_>) -> Result<T, RpcError> + Send + Sync + 'static,
{
    module.register_method(name, move |params, api, _| method(api, Args::new(&params)?))?;
    Ok(())
}

/// Registers a method that executes or reads much: parsed at once, run on the blocking pool when there is a place.
pub(crate) fn heavy<A, T>(
    module: &mut Module,
    name: &'static str,
    parse: fn(Args<'_>) -> Result<A, RpcError>,
    run: fn(&Api, A) -> Result<T, RpcError>,
) -> Result<(), RegisterMethodError>
where
    A: Send + 'static,
    T: Serialize + Clone + Send + 'static,
{
    module.register_async_method(name, move |params, api, _| async move {
        let args = parse(Args::new(&params)?)?;
        api.heavy(move |api| run(api, args)).await
    })?;
    Ok(())
}
