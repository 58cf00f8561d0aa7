//! State and block overrides of calls.

use alloy::{
    primitives::{Address, KECCAK256_EMPTY, U256, keccak256, map::B256HashMap},
    rpc::types::{
        BlockOverrides,
        state::{AccountOverride, StateOverride},
    },
};
use cwe_executor::EvmEnv;
use revm::{
    Database, bytecode::Bytecode, context_interface::block::BlobExcessGasAndPrice, database::CacheDB,
    primitives::StorageKeyMap,
};

use crate::{error::RpcError, reader::State};

/// Changes the state that a call sees.
pub(super) fn apply_state_overrides(db: &mut CacheDB<State>, overrides: StateOverride) -> Result<(), RpcError> {
    overrides
        .into_iter()
        .try_for_each(|(address, account)| override_account(db, address, account))
}

fn override_account(db: &mut CacheDB<State>, address: Address, change: AccountOverride) -> Result<(), RpcError> {
    if change.move_precompile_to.is_some() {
        return Err(RpcError::Unsupported("movePrecompileToAddress is not supported".into()));
    }
    let mut info = db.basic(address)?.unwrap_or_default();
    if let Some(nonce) = change.nonce {
        info.nonce = nonce;
    }
    if let Some(balance) = change.balance {
        info.balance = balance;
    }
    if let Some(code) = change.code {
        info.code_hash = if code.is_empty() {
            KECCAK256_EMPTY
        } else {
            keccak256(&code)
        };
        let code = Bytecode::new_raw_checked(code)
            .map_err(|error| RpcError::InvalidParams(format!("code override of {address}: {error}")))?;
        info.code = Some(code);
    }
    db.insert_account_info(address, info);
    match (change.state, change.state_diff) {
        (Some(_), Some(_)) => Err(RpcError::InvalidParams(format!(
            "account {address} has both 'state' and 'stateDiff'"
        ))),
        (Some(all), None) => {
            let storage: StorageKeyMap<U256> = slots(all).collect();
            Ok(db.replace_account_storage(address, storage)?)
        }
        (None, Some(some)) => {
            slots(some).try_for_each(|(slot, value)| Ok(db.insert_account_storage(address, slot, value)?))
        }
        (None, None) => Ok(()),
    }
}

fn slots(words: B256HashMap<alloy::primitives::B256>) -> impl Iterator<Item = (U256, U256)> {
    words.into_iter().map(|(slot, value)| (slot.into(), value.into()))
}

/// Changes the block that a call sees.
pub(super) fn apply_block_overrides(
    env: &mut EvmEnv,
    db: &mut CacheDB<State>,
    overrides: BlockOverrides,
) -> Result<(), RpcError> {
    if overrides.beacon_root.is_some() {
        return Err(RpcError::Unsupported(
            "block override \"beaconRoot\" is not supported".into(),
        ));
    }
    let block = &mut env.block;
    set(&mut block.number, overrides.number);
    set(&mut block.timestamp, overrides.time.map(U256::from));
    set(&mut block.difficulty, overrides.difficulty);
    set(&mut block.gas_limit, overrides.gas_limit);
    set(&mut block.beneficiary, overrides.coinbase);
    if overrides.random.is_some() {
        block.prevrandao = overrides.random;
    }
    if let Some(base_fee) = overrides.base_fee {
        block.basefee = u64::try_from(base_fee)
            .map_err(|_| RpcError::InvalidParams(format!("base fee {base_fee} exceeds 64 bits")))?;
    }
    if let Some(price) = overrides.blob_base_fee {
        let blob_gasprice = u128::try_from(price)
            .map_err(|_| RpcError::InvalidParams(format!("blob base fee {price} exceeds 128 bits")))?;
        block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice,
        });
    }
    for (number, hash) in overrides.block_hash.unwrap_or_default() {
        db.cache.block_hashes.insert(U256::from(number), hash);
    }
    Ok(())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
