// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IFeeVault} from "../interfaces/IFeeVault.sol";
import {IMessagePasser} from "../interfaces/IMessagePasser.sol";
import {SystemAddresses} from "../libraries/SystemAddresses.sol";

/// @title FeeVault
/// @notice See {IFeeVault}. Lives at `0x…C0E003` from genesis on; its code has no constructor. It is the beneficiary
/// of every block, base fee included.
contract FeeVault is IFeeVault {
    /// @inheritdoc IFeeVault
    /// @dev Slot 0.
    address public owner;
    /// @inheritdoc IFeeVault
    /// @dev Slot 1.
    address public recipient;

    modifier onlyOwner() {
        _requireOwner();
        _;
    }

    receive() external payable {}

    /// @inheritdoc IFeeVault
    function withdraw() external returns (uint64 index) {
        if (recipient == address(0)) revert ZeroAddress();
        uint256 amount = address(this).balance;
        // The event follows the call because it carries the index; the passer calls nobody.
        // slither-disable-next-line reentrancy-events
        index = IMessagePasser(SystemAddresses.MESSAGE_PASSER).withdraw{value: amount}(recipient);
        emit FeesWithdrawn(recipient, amount, index);
    }

    /// @inheritdoc IFeeVault
    function setRecipient(address recipient_) external onlyOwner {
        if (recipient_ == address(0)) revert ZeroAddress();
        recipient = recipient_;
        emit RecipientChanged(recipient_);
    }

    /// @inheritdoc IFeeVault
    function setOwner(address owner_) external onlyOwner {
        if (owner_ == address(0)) revert ZeroAddress();
        owner = owner_;
        emit OwnerChanged(owner_);
    }

    function _requireOwner() private view {
        if (msg.sender != owner) revert NotOwner(msg.sender);
    }
}
