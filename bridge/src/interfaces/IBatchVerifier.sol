// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IBatchVerifier
/// @notice Checks the validity proof of a run of batches. `Rollup` is the only caller that matters.
interface IBatchVerifier {
    /// @notice Whether `proof` shows that the pinned program, on the pinned virtual machine, output `publicValue`.
    /// @param publicValue The 32-byte public value of docs/PROTOCOL.md, recomputed by the caller from its own storage.
    /// @param proof The encoded proof; anything malformed returns false or reverts, never true.
    /// @return valid True only for a valid proof of exactly this public value.
    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool valid);
}
