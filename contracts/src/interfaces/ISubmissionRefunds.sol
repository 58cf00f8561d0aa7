// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ISubmissionRefunds
/// @notice Gives back to whoever sent a submission, a relayer usually, what its gas cost. The money is part of the
/// infrastructure share of the same epoch's fees, so listeners pay their relayers by their subscription, and nobody
/// needs to know whose submission it was.
interface ISubmissionRefunds {
    /// @notice `sender` got `amount` CLN wei for its submissions of an epoch.
    event Refunded(uint64 indexed epoch, address indexed sender, uint256 amount);

    /// @notice Only settled epochs have an infrastructure share to pay from.
    error EpochNotSettled(uint64 epoch);
    /// @notice `sender` has got its refund of this epoch.
    error AlreadyRefunded(uint64 epoch, address sender);
    /// @notice `sender` sent no submission of this epoch.
    error NothingToRefund(uint64 epoch, address sender);

    /// @notice Pays a sender for all its submissions of a settled epoch. Anyone may call it.
    /// @return amount CLN wei.
    function claim(uint64 epoch, address payable sender) external returns (uint256 amount);

    /// @notice CLN wei that `claim` pays or has paid: the recorded costs, or less, in the same proportion for everybody,
    /// where all of them together exceed `available`.
    function refundOf(uint64 epoch, address sender) external view returns (uint256);

    /// @notice CLN wei that an epoch's refunds may take: half of the infrastructure share of its fees.
    function available(uint64 epoch) external view returns (uint256);

    /// @notice Whether a sender has got its refund of an epoch.
    function isRefunded(uint64 epoch, address sender) external view returns (bool);
}
