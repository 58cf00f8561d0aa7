//! ERC-20 calls and the storage layout of OpenZeppelin's ERC20, which the demo token is.

use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol,
    sol_types::{SolCall, SolValue},
};

sol! {
    function transfer(address to, uint256 value) external returns (bool);
    function balanceOf(address holder) external view returns (uint256);
}

/// Slot of the mapping of balances.
const BALANCES_SLOT: U256 = U256::ZERO;
/// Slot of the total supply.
pub(crate) const SUPPLY_SLOT: U256 = U256::from_limbs([2, 0, 0, 0]);

/// Call data of a transfer.
pub(crate) fn transfer(to: Address, value: u64) -> Bytes {
    transferCall {
        to,
        value: U256::from(value),
    }
    .abi_encode()
    .into()
}

/// Call data that asks for a holder's balance.
pub(crate) fn balance_of(holder: Address) -> Bytes {
    balanceOfCall { holder }.abi_encode().into()
}

/// Slot of a holder's balance.
pub(crate) fn balance_slot(holder: Address) -> U256 {
    keccak256((holder, BALANCES_SLOT).abi_encode()).into()
}

/// Constructor arguments of the demo token.
pub(crate) fn constructor(holder: Address, supply: U256) -> Vec<u8> {
    (holder, supply).abi_encode()
}
