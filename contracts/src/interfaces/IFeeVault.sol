// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IFeeVault
/// @notice Collects all L2 fees and pays them to one L1 recipient through the message passer.
interface IFeeVault {
    /// @notice The collected fees were withdrawn to L1 as withdrawal `index`.
    event FeesWithdrawn(address indexed recipient, uint256 amount, uint64 indexed index);
    /// @notice The L1 recipient changed.
    event RecipientChanged(address indexed recipient);
    /// @notice The owner changed.
    event OwnerChanged(address indexed owner);

    /// @notice Only the owner may do this.
    error NotOwner(address caller);
    /// @notice No recipient is set, or zero was given.
    error ZeroAddress();

    /// @notice Withdraws everything to the recipient on L1. Anybody may call it.
    /// @return index Leaf number of the withdrawal.
    function withdraw() external returns (uint64 index);

    /// @notice Sets the L1 recipient. Owner only.
    function setRecipient(address recipient_) external;

    /// @notice Hands the vault over. Owner only.
    function setOwner(address owner_) external;

    /// @notice Who governs the vault: on L2, set at genesis.
    function owner() external view returns (address);

    /// @notice L1 recipient of the fees, set at genesis.
    function recipient() external view returns (address);
}
