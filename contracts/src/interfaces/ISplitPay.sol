// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ISplitPay
/// @notice Pays a work: what comes in is owed to its payees by their shares of the current epoch. The smallest unit that
/// does not divide goes to the first payee.
interface ISplitPay {
    /// @notice `payer` paid `amount` CLN wei to a work.
    event WorkPaid(bytes32 indexed workId, address indexed payer, uint256 amount);

    /// @notice Nothing was paid.
    error ZeroAmount();

    /// @notice Pays a work.
    function pay(bytes32 workId) external payable;
}
