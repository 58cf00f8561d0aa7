// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {SystemAddresses} from "./SystemAddresses.sol";

/// @title Poseidon
/// @notice The L2's Poseidon precompile: circomlib's hash of two BN254 scalars.
library Poseidon {
    /// @notice An input is not below the scalar modulus, or the chain has no such precompile.
    error PoseidonFailed(uint256 left, uint256 right);

    /// @notice H(left, right).
    function hash(uint256 left, uint256 right) internal view returns (uint256) {
        (bool success, bytes memory output) = SystemAddresses.POSEIDON.staticcall(abi.encode(left, right));
        if (!success || output.length != 32) revert PoseidonFailed(left, right);
        return abi.decode(output, (uint256));
    }
}
