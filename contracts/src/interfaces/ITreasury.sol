// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ITreasury
/// @notice The protocol's two accounts. Fed by settlement, spent by governance through the timelock, and by the
/// contracts that governance lets spend from an account by a rule of their own.
interface ITreasury {
    /// @notice What the money is for.
    enum Account {
        Infrastructure,
        EcoReserve
    }

    /// @notice An account received `amount` CLN wei from `from`.
    event Funded(Account indexed account, address indexed from, uint256 amount);
    /// @notice `spender` may spend from an account, zero: only governance may.
    event SpenderSet(Account indexed account, address indexed spender);
    /// @notice Governance, or a spender, spent `amount` CLN wei for the purpose with this hash.
    event Spent(Account indexed account, address indexed recipient, uint256 amount, bytes32 purpose);

    /// @notice Neither governance nor the account's spender.
    error NotSpender(Account account, address caller);
    /// @notice `amount` CLN wei were asked of an account that has `available`.
    error InsufficientBalance(Account account, uint256 amount, uint256 available);
    /// @notice The parts are not what was sent: `given` CLN wei.
    error WrongAmount(uint256 given, uint256 required);
    /// @notice `recipient` did not accept `amount` CLN wei.
    error PaymentRefused(address recipient, uint256 amount);

    /// @notice Pays into both accounts: the parts, in CLN wei, must add up to what is sent.
    function fund(uint256 infrastructure, uint256 ecoReserve) external payable;

    /// @notice Spends from an account. Owner and the account's spender only.
    /// @param purpose Hash of the decision; of a spender, what its rule names.
    function spend(Account account, address payable recipient, uint256 amount, bytes32 purpose) external;

    /// @notice Lets a contract spend from an account, zero for none. Owner only.
    function setSpender(Account account, address spender) external;

    /// @notice The contract that may spend from an account besides governance.
    function spenderOf(Account account) external view returns (address);

    /// @notice CLN wei in an account.
    function balanceOf(Account account) external view returns (uint256);
}
