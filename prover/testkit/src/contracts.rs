//! Contracts that workloads call.

use alloy::sol_types::{SolCall, SolValue};
use alloy_primitives::{Address, Bytes, U256, address, hex, keccak256};
use cwe_executor::{Genesis, GenesisAccount};

alloy::sol! {
    function transfer(address to, uint256 value) external returns (bool);
}

/// OpenZeppelin's ERC-20 as `forge build` compiles it: the runtime code of `DemoToken`.
pub const TOKEN: Address = address!("0x00000000000000000000000000000000000c0001");
/// Hashes its input with the Poseidon precompile; keeps success in slot 0, the hash in slot 1.
pub const HASHER: Address = address!("0x00000000000000000000000000000000000c0002");
/// Calls the address in the input's first word with the rest; keeps success in slot 0, the first word of what came back
/// in slot 1.
pub const POKER: Address = address!("0x00000000000000000000000000000000000c0003");

const TOKEN_CODE: &str = include_str!("token.hex");
const HASHER_CODE: Bytes = Bytes::from_static(&hex!("365f5f37 6020 5f 36 5f 62c0e100 5a fa 5f55 5f51 600155 00"));
const POKER_CODE: Bytes = Bytes::from_static(&hex!(
    "6020 36 03 6020 5f 37 6020 5f 6020 36 03 5f 34 5f35 5a f1 5f55 5f51 600155 00"
));

/// Slot of the token's mapping of balances.
const BALANCES_SLOT: U256 = U256::ZERO;

/// Puts the contracts into a genesis, and a token balance for every holder.
pub(crate) fn alloc(genesis: &mut Genesis, holders: impl Iterator<Item = Address>) {
    let contract = |code| GenesisAccount {
        nonce: 1,
        code,
        ..GenesisAccount::default()
    };
    let code = hex::decode(TOKEN_CODE.trim()).unwrap_or_default();
    let token = GenesisAccount {
        storage: holders
            .map(|holder| (balance_slot(holder), U256::from(1_000_000_000)))
            .collect(),
        ..contract(code.into())
    };
    genesis.alloc.insert(TOKEN, token);
    genesis.alloc.insert(HASHER, contract(HASHER_CODE));
    genesis.alloc.insert(POKER, contract(POKER_CODE));
}

/// Slot of a holder's token balance.
pub fn balance_slot(holder: Address) -> U256 {
    keccak256((holder, BALANCES_SLOT).abi_encode()).into()
}

/// Call data of a token transfer.
pub fn transfer_call(to: Address, value: u64) -> Bytes {
    transferCall {
        to,
        value: U256::from(value),
    }
    .abi_encode()
    .into()
}
