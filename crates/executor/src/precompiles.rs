//! Precompiled contracts: Ethereum's, and Poseidon.

use alloc::{borrow::Cow, collections::BTreeMap, format};

use alloy_primitives::{Address, Bytes};
use cwe_primitives::predeploys;
use revm::{
    precompile::{
        EthPrecompileOutput, EthPrecompileResult, Precompile, PrecompileHalt, PrecompileId, Precompiles,
        call_eth_precompile,
    },
    primitives::OnceLock,
};

use crate::poseidon;

/// Gas of one Poseidon hash.
pub const POSEIDON_GAS: u64 = 600;

/// Every precompile of the chain, built once.
pub(crate) fn all() -> &'static Precompiles {
    static ALL: OnceLock<Precompiles> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut precompiles = Precompiles::osaka().clone();
        precompiles.extend([Precompile::new(
            PrecompileId::Custom(Cow::Borrowed("POSEIDON")),
            predeploys::POSEIDON,
            |input, gas_limit, reservoir| Ok(call_eth_precompile(run_poseidon, input, gas_limit, reservoir)),
        )]);
        precompiles
    })
}

/// Names and addresses of all precompiles, names as in EIP-7910.
pub fn precompile_addresses() -> BTreeMap<&'static str, Address> {
    let precompiles = all();
    precompiles
        .addresses()
        .filter_map(|address| Some((precompiles.get(address)?.id().name(), *address)))
        .collect()
}

fn run_poseidon(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    if gas_limit < POSEIDON_GAS {
        return Err(PrecompileHalt::OutOfGas);
    }
    let hash = poseidon::hash_bytes(input).map_err(|error| PrecompileHalt::other(format!("poseidon: {error}")))?;
    Ok(EthPrecompileOutput::new(POSEIDON_GAS, Bytes::copy_from_slice(&hash)))
}
