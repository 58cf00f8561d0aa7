//! Fixed addresses of the L2. `docs/PROTOCOL.md` §Fixed addresses.

use alloy_primitives::{Address, address};

/// `MessagePasser`: takes withdrawals.
pub const MESSAGE_PASSER: Address = address!("0x0000000000000000000000000000000000C0E001");
/// `L1BlockOracle`: the last relayed L1 block.
pub const L1_BLOCK_ORACLE: Address = address!("0x0000000000000000000000000000000000C0E002");
/// `FeeVault`: receives base fee and tip of every transaction.
pub const FEE_VAULT: Address = address!("0x0000000000000000000000000000000000C0E003");
/// Poseidon precompile.
pub const POSEIDON: Address = address!("0x0000000000000000000000000000000000C0E100");
/// EIP-2935 history storage.
pub const HISTORY_STORAGE: Address = address!("0x0000F90827F1C53a10cb7A02335B175320002935");
/// Caller of system calls, as on Ethereum.
pub const SYSTEM_CALLER: Address = address!("0xfffffffffffffffffffffffffffffffffffffffe");
