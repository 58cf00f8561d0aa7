// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IMessagePasser
/// @notice Withdrawals from L2: money paid in here is released by the L1 bridge once the batch is proven.
interface IMessagePasser {
    /// @notice A withdrawal was appended to the tree.
    /// @param index Leaf number.
    /// @param sender L2 sender.
    /// @param recipient L1 recipient.
    /// @param amount CLN wei.
    /// @param leaf The leaf.
    /// @param root Root of the tree with the leaf.
    event WithdrawalInitiated(
        uint64 indexed index,
        address indexed sender,
        address indexed recipient,
        uint256 amount,
        bytes32 leaf,
        bytes32 root
    );

    /// @notice Nothing was paid.
    error ZeroAmount();
    /// @notice The L1 token refuses transfers to the zero address; the money would be lost.
    error ZeroRecipient();
    /// @notice All 2³² leaves are taken.
    error TreeFull();

    /// @notice Takes the payment out of circulation for ever and gives `recipient` the right to it on L1.
    /// @param recipient L1 account.
    /// @return index Leaf number.
    function withdraw(address recipient) external payable returns (uint64 index);

    /// @notice Root of the withdrawal tree.
    function root() external view returns (bytes32);

    /// @notice Number of leaves.
    function count() external view returns (uint256);
}
