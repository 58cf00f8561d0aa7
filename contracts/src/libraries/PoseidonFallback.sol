// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {PoseidonSolidity} from "./PoseidonSolidity.sol";

/// @title PoseidonFallback
/// @notice Answers like the L2's Poseidon precompile, byte for byte, for an EVM that lacks it: genesis (or a test)
/// places this code at `SystemAddresses.POSEIDON`. It has neither constructor nor storage.
contract PoseidonFallback {
    /// @notice The input is not 64 bytes.
    error LengthInvalid(uint256 length);
    /// @notice An input is not below the scalar modulus.
    error NotCanonical(uint256 left, uint256 right);

    // solhint-disable-next-line no-complex-fallback
    fallback(bytes calldata input) external returns (bytes memory) {
        if (input.length != 64) revert LengthInvalid(input.length);
        (uint256 left, uint256 right) = abi.decode(input, (uint256, uint256));
        if (left >= PoseidonSolidity.MODULUS || right >= PoseidonSolidity.MODULUS) revert NotCanonical(left, right);
        return abi.encode(PoseidonSolidity.hash(left, right));
    }
}
