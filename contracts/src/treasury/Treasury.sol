// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ITreasury} from "../interfaces/ITreasury.sol";
import {Governed} from "../libraries/Governed.sol";

/// @title Treasury
/// @notice See {ITreasury}.
contract Treasury is ITreasury, Governed {
    /// @custom:storage-location erc7201:cwe.treasury
    struct TreasuryStorage {
        mapping(Account account => uint256) balances;
        mapping(Account account => address) spenders;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.treasury")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xcb1ec2b3d5d025120dde6a8b44c2ed91f9659d95fc43a03c44da8eb0aa73f500;

    /// @param owner_ The timelock.
    function initialize(address owner_) external initializer {
        __Ownable_init(owner_);
    }

    /// @inheritdoc ITreasury
    function fund(uint256 infrastructure, uint256 ecoReserve) external payable {
        if (msg.value != infrastructure + ecoReserve) revert WrongAmount(msg.value, infrastructure + ecoReserve);
        _receive(Account.Infrastructure, infrastructure);
        _receive(Account.EcoReserve, ecoReserve);
    }

    /// @inheritdoc ITreasury
    /// @dev The zero address is refused by a function that slither does not follow.
    // slither-disable-next-line missing-zero-check
    function spend(Account account, address payable recipient, uint256 amount, bytes32 purpose) external {
        TreasuryStorage storage $ = _storage();
        if (msg.sender != owner() && msg.sender != $.spenders[account]) revert NotSpender(account, msg.sender);
        _requireNonZero(recipient);
        uint256 available = $.balances[account];
        if (amount > available) revert InsufficientBalance(account, amount, available);
        $.balances[account] = available - amount;
        emit Spent(account, recipient, amount, purpose);
        (bool success,) = recipient.call{value: amount}("");
        if (!success) revert PaymentRefused(recipient, amount);
    }

    /// @inheritdoc ITreasury
    function setSpender(Account account, address spender) external onlyOwner {
        _storage().spenders[account] = spender;
        emit SpenderSet(account, spender);
    }

    /* views */

    /// @inheritdoc ITreasury
    function spenderOf(Account account) external view returns (address) {
        return _storage().spenders[account];
    }

    /// @inheritdoc ITreasury
    function balanceOf(Account account) external view returns (uint256) {
        return _storage().balances[account];
    }

    function _receive(Account account, uint256 amount) private {
        if (amount == 0) return;
        _storage().balances[account] += amount;
        emit Funded(account, msg.sender, amount);
    }

    function _storage() private pure returns (TreasuryStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
