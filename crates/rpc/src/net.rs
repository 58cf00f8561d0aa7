//! `net_*`, `web3_*` and `rpc_modules`.

use std::collections::BTreeMap;

use alloy::primitives::{B256, Bytes, U64, keccak256};
use jsonrpsee::core::RegisterMethodError;

use crate::methods::{Module, quick};

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "net_version", |api, args| {
        args.end()?;
        Ok(api.chain.spec().chain_id.to_string())
    })?;
    quick(module, "net_listening", |_, args| {
        args.end()?;
        Ok(true)
    })?;
    // There is no peer-to-peer network: nodes follow L1.
    quick(module, "net_peerCount", |_, args| {
        args.end()?;
        Ok(U64::ZERO)
    })?;
    quick(module, "web3_clientVersion", |api, args| {
        args.end()?;
        Ok(api.node.client_version.clone())
    })?;
    quick(module, "rpc_modules", |api, args| {
        args.end()?;
        let served = ["cwe", "eth", "net", "rpc", "txpool", "web3"]
            .into_iter()
            .chain(api.config.debug.then_some("debug"));
        Ok(served.map(|name| (name, "1.0")).collect::<BTreeMap<_, _>>())
    })?;
    quick(module, "web3_sha3", |_, mut args| {
        let data: Bytes = args.required()?;
        args.end()?;
        Ok::<B256, _>(keccak256(data))
    })
}
