// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {SystemAddresses} from "./SystemAddresses.sol";

/// @title Poseidon
/// @notice The L2's Poseidon precompile: circomlib's hash of two BN254 scalars.
library Poseidon {
    /// @notice An input is not below the scalar modulus, or the chain has no such precompile.
    error PoseidonFailed(uint256 left, uint256 right);

    /// @notice H(left, right).
    function hash(uint256 left, uint256 right) internal view returns (uint256 result) {
        address precompile = SystemAddresses.POSEIDON;
        bool success;
        // Scratch space instead of new memory: a tree append makes twenty of these calls.
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            success := staticcall(gas(), precompile, 0x00, 0x40, 0x00, 0x20)
            success := and(success, eq(returndatasize(), 0x20))
            result := mload(0x00)
        }
        if (!success) revert PoseidonFailed(left, right);
    }
}
