// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ISplitVerifier
/// @notice Checks a Split proof: one subscriber's month, divided into notes. `CWEConsumption` is the only caller that
/// matters.
interface ISplitVerifier {
    /// @notice Whether `proof` holds for these public inputs, all canonical BN254 scalars.
    /// @param inputs In this order: epoch, epoch key, tier id, allowance in seconds, the `k` of diminishing returns in
    /// ppm, subscription root, epoch nullifier of the user, notes root.
    /// @param proof The encoded proof; anything malformed returns false or reverts, never true.
    /// @return valid True only for a valid proof of exactly these inputs.
    function verify(uint256[8] calldata inputs, bytes calldata proof) external view returns (bool valid);
}
