// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ISettlementVerifier
/// @notice Checks the proof of an epoch's payout list. `CWEPayouts` is the only caller that matters.
interface ISettlementVerifier {
    /// @notice Whether `proof` shows that the pinned settlement program output `publicValue`.
    /// @param publicValue `CWEPayouts.settlementValue`, recomputed by the caller from its own storage.
    /// @param proof The encoded proof; anything malformed returns false or reverts, never true.
    /// @return valid True only for a valid proof of exactly this public value.
    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool valid);
}
