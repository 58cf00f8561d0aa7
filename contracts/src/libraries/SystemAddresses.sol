// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title SystemAddresses
/// @notice Fixed L2 addresses, present from genesis on (docs/PROTOCOL.md).
library SystemAddresses {
    address internal constant MESSAGE_PASSER = 0x0000000000000000000000000000000000C0E001;
    address internal constant L1_BLOCK_ORACLE = 0x0000000000000000000000000000000000C0E002;
    address internal constant FEE_VAULT = 0x0000000000000000000000000000000000c0E003;
    /// @dev Sender of the messages that the L1 inbox makes itself. Nobody has a key for it and no L1 contract's alias
    /// can equal it, so a call from it on L2 can only come from the inbox.
    address internal constant SYSTEM_SENDER = 0x0000000000000000000000000000000000c0E0Ff;
    address internal constant POSEIDON = 0x0000000000000000000000000000000000c0e100;
}
