// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Payee} from "../interfaces/ICWERegistry.sol";
import {IPullPayments} from "../interfaces/IPullPayments.sol";
import {Splits} from "../libraries/Splits.sol";

/// @title PullPayments
/// @notice See {IPullPayments}. The books are closed before money leaves, so a recipient that calls back finds nothing
/// to take.
abstract contract PullPayments is IPullPayments {
    /// @custom:storage-location erc7201:cwe.pull-payments
    struct PullPaymentsStorage {
        uint256 total;
        mapping(address account => uint256) owed;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.pull-payments")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant PAYMENTS_STORAGE = 0x5f99946a6166dcf30ba0c2e3c9f319b3586cf7d18a4a77b6b14ed874178dfd00;

    /// @inheritdoc IPullPayments
    function claim(address payable account) external returns (uint256 amount) {
        return _pay(account, account);
    }

    /// @inheritdoc IPullPayments
    function claimTo(address payable recipient) external returns (uint256 amount) {
        return _pay(msg.sender, recipient);
    }

    /// @inheritdoc IPullPayments
    function owed(address account) external view returns (uint256) {
        return _storageOfPayments().owed[account];
    }

    /// @inheritdoc IPullPayments
    function totalOwed() public view returns (uint256) {
        return _storageOfPayments().total;
    }

    function _credit(address account, bytes32 source, uint256 amount) internal {
        PullPaymentsStorage storage $ = _storageOfPayments();
        $.total += amount;
        $.owed[account] += amount;
        emit Credited(account, source, amount);
    }

    function _creditSplit(Payee[] memory payees, bytes32 source, uint256 amount) internal {
        uint256[] memory parts = Splits.divide(amount, payees);
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] != 0) _credit(payees[i].account, source, parts[i]);
        }
    }

    function _pay(address account, address payable recipient) private returns (uint256 amount) {
        PullPaymentsStorage storage $ = _storageOfPayments();
        amount = $.owed[account];
        if (amount == 0) revert NothingOwed(account);
        $.owed[account] = 0;
        $.total -= amount;
        emit Claimed(account, recipient, amount);
        (bool success,) = recipient.call{value: amount}("");
        if (!success) revert PaymentRefused(recipient, amount);
    }

    function _storageOfPayments() private pure returns (PullPaymentsStorage storage $) {
        assembly {
            $.slot := PAYMENTS_STORAGE
        }
    }
}
