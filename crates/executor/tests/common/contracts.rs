//! Contracts of a few instructions each, assembled by hand.

use alloy_primitives::{Address, Bytes, U256, address, hex};
use cwe_executor::{Genesis, GenesisAccount};

/// `balance[caller] -= v; balance[to] += v; log`, input `to ‖ v`; a balance lies in the slot of its owner.
pub const TOKEN: Address = address!("0x00000000000000000000000000000000000c0001");
/// `slot[k] = v`, input `k ‖ v`.
pub const STORE: Address = address!("0x00000000000000000000000000000000000c0002");
/// `CREATE2` of the init code in the input, salt 0, value passed on; keeps the new address in slot 0.
pub const FACTORY: Address = address!("0x00000000000000000000000000000000000c0003");
/// Gives its balance to the caller and destroys itself (which Cancun no longer does to old contracts).
pub const QUITTER: Address = address!("0x00000000000000000000000000000000000c0004");
/// Writes a slot, then reverts with 32 bytes.
pub const REVERTER: Address = address!("0x00000000000000000000000000000000000c0005");
/// Hashes the input with the Poseidon precompile; keeps success in slot 0, the hash in slot 1.
pub const HASHER: Address = address!("0x00000000000000000000000000000000000c0006");
/// Keeps `BLOCKHASH(NUMBER - k)` in slot k, input `k`.
pub const HISTORIAN: Address = address!("0x00000000000000000000000000000000000c0007");
/// Loops until its gas is gone.
pub const BURNER: Address = address!("0x00000000000000000000000000000000000c0008");
/// Calls the address in the input's first word with the rest; keeps success in slot 0.
pub const PROXY: Address = address!("0x00000000000000000000000000000000000c0009");

const CODES: [(Address, &[u8]); 9] = [
    (
        TOKEN,
        &hex!("602035 3354 03 3355 602035 5f35 54 01 5f35 55 602035 5f52 33 6020 5f a1 00"),
    ),
    (STORE, &hex!("602035 5f35 55 00")),
    (FACTORY, &hex!("365f5f37 5f 36 5f 34 f5 5f55 00")),
    (QUITTER, &hex!("33ff")),
    (REVERTER, &hex!("6001 5f 55 602a 5f52 6020 5f fd")),
    (
        HASHER,
        &hex!("365f5f37 6020 5f 36 5f 62c0e100 5a fa 5f55 5f51 600155 00"),
    ),
    (HISTORIAN, &hex!("5f35 80 43 03 40 90 55 00")),
    (BURNER, &hex!("5b5f56")),
    (
        PROXY,
        &hex!("6020 36 03 6020 5f 37 5f 5f 6020 36 03 5f 34 5f35 5a f1 5f55 00"),
    ),
];

/// Puts every contract, and token balances of the senders, into a genesis.
pub fn alloc(genesis: &mut Genesis) {
    for (address, code) in CODES {
        let account = GenesisAccount {
            nonce: 1,
            code: Bytes::from_static(code),
            ..GenesisAccount::default()
        };
        genesis.alloc.insert(address, account);
    }
    if let Some(quitter) = genesis.alloc.get_mut(&QUITTER) {
        quitter.balance = U256::from(1_000);
    }
    if let Some(token) = genesis.alloc.get_mut(&TOKEN) {
        token.storage = (0..super::SENDERS)
            .map(|index| {
                (
                    U256::from_be_bytes(super::sender(index).into_word().0),
                    U256::from(1_000_000),
                )
            })
            .collect();
    }
}

/// Init code of a contract whose runtime code is [`STORE`]'s, and which writes a slot of its own.
pub fn init_store() -> Bytes {
    // SSTORE(7, 7); MSTORE(0, code); RETURN(32 - 7, 7)
    hex!("6007600755 66 6020355f355500 5f52 6007 6019 f3").into()
}

/// Init code that writes a slot and destroys itself at once, in favour of the caller.
pub fn init_quitter() -> Bytes {
    hex!("6001 5f 55 33 ff").into()
}

/// Init code that reverts.
pub fn init_reverter() -> Bytes {
    hex!("6001 5f 55 5f 5f fd").into()
}
