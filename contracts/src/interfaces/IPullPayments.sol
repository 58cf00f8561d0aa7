// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IPullPayments
/// @notice Money owed, for each account to fetch. Paying is never part of the act that makes somebody a creditor, so a
/// payee that refuses money or burns gas is in nobody's way but its own.
interface IPullPayments {
    /// @notice `account` is owed `amount` CLN wei more, out of `source` (a work or a job).
    event Credited(address indexed account, bytes32 indexed source, uint256 amount);
    /// @notice `amount` CLN wei owed to `account` were paid to `recipient`.
    event Claimed(address indexed account, address indexed recipient, uint256 amount);

    /// @notice Nothing is owed to this account.
    error NothingOwed(address account);
    /// @notice `recipient` did not accept `amount` CLN wei.
    error PaymentRefused(address recipient, uint256 amount);

    /// @notice Pays an account what it is owed. Anybody may call it.
    /// @return amount CLN wei.
    function claim(address payable account) external returns (uint256 amount);

    /// @notice Pays what the caller is owed to another account, for a caller that cannot receive money.
    /// @return amount CLN wei.
    function claimTo(address payable recipient) external returns (uint256 amount);

    /// @notice CLN wei owed to an account.
    function owed(address account) external view returns (uint256);

    /// @notice CLN wei owed to all accounts together. Never more than this contract's balance.
    function totalOwed() external view returns (uint256);
}
