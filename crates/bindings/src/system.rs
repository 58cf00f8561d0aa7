//! The L2 system contracts as the genesis needs them: address, runtime code, storage slots.
//!
//! The code has no constructor and no immutables, so the compiler's runtime code is the account's code.

use alloy::primitives::{Address, Bytes, address};

use crate::contracts::{FeeVault, L1BlockOracle, MessagePasser};

/// `MessagePasser`: withdrawals.
pub const MESSAGE_PASSER: Address = address!("0x0000000000000000000000000000000000C0E001");
/// `L1BlockOracle`: figures of the newest relayed L1 block.
pub const L1_BLOCK_ORACLE: Address = address!("0x0000000000000000000000000000000000C0E002");
/// `FeeVault`: beneficiary of every block.
pub const FEE_VAULT: Address = address!("0x0000000000000000000000000000000000C0E003");
/// L2 sender of the messages that the inbox makes itself; nobody holds a key for it.
pub const SYSTEM_SENDER: Address = address!("0x0000000000000000000000000000000000C0E0FF");

/// Runtime code of `MessagePasser`. Its slot 0 must be set to the root of the empty withdrawal tree.
pub const MESSAGE_PASSER_CODE: &Bytes = &MessagePasser::DEPLOYED_BYTECODE;
/// Runtime code of `L1BlockOracle`. Its storage begins empty.
pub const L1_BLOCK_ORACLE_CODE: &Bytes = &L1BlockOracle::DEPLOYED_BYTECODE;
/// Runtime code of `FeeVault`. Its slot 0 is the owner, its slot 1 the L1 recipient, each as a left-padded address.
pub const FEE_VAULT_CODE: &Bytes = &FeeVault::DEPLOYED_BYTECODE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_code_is_present_and_not_the_creation_code() {
        for (code, creation) in [
            (MESSAGE_PASSER_CODE, &MessagePasser::BYTECODE),
            (L1_BLOCK_ORACLE_CODE, &L1BlockOracle::BYTECODE),
            (FEE_VAULT_CODE, &FeeVault::BYTECODE),
        ] {
            assert!(!code.is_empty());
            assert!(code.len() < creation.len());
            assert!(creation.ends_with(code), "the constructor must only return the code");
        }
    }
}
