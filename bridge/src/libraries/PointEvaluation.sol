// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title PointEvaluation
/// @notice The EIP-4844 precompile: does the blob polynomial behind a versioned hash have value `y` at `z`?
library PointEvaluation {
    address internal constant PRECOMPILE = address(0x0a);
    uint256 internal constant FIELD_ELEMENTS_PER_BLOB = 4096;
    uint256 internal constant BLS_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    /// @notice True if the precompile accepts. False also where it does not exist: there a call to its address
    /// succeeds and returns nothing, so the two words it must return are compared.
    function verify(bytes32 versionedHash, bytes32 z, bytes32 y, bytes calldata commitment, bytes calldata proof)
        internal
        view
        returns (bool)
    {
        if (commitment.length != 48 || proof.length != 48) return false;
        (bool success, bytes memory output) =
            PRECOMPILE.staticcall(abi.encodePacked(versionedHash, z, y, commitment, proof));
        if (!success || output.length != 64) return false;
        (uint256 elements, uint256 modulus) = abi.decode(output, (uint256, uint256));
        return elements == FIELD_ELEMENTS_PER_BLOB && modulus == BLS_MODULUS;
    }
}
