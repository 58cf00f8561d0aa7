// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IArbitrator
/// @notice Whoever decides disputes over escrowed jobs: a jury, a council, one account's contract.
interface IArbitrator {
    /// @notice A job at `escrow` is disputed. To be answered with `IEscrow.rule`, within its time.
    /// @param jobId The job.
    /// @param disputedBy The party that calls for a decision.
    /// @param amount CLN wei in dispute.
    function onDispute(bytes32 jobId, address disputedBy, uint256 amount) external;
}
