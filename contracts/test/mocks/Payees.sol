// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IPullPayments} from "../../src/interfaces/IPullPayments.sol";

/// @notice Refuses all money.
contract RefusingPayee {
    receive() external payable {
        revert("no");
    }

    function claimTo(IPullPayments payments, address payable recipient) external {
        payments.claimTo(recipient);
    }
}

/// @notice Burns all gas that it is given.
contract BurningPayee {
    receive() external payable {
        while (true) {}
    }
}

/// @notice Claims again while it is being paid.
contract ReentrantPayee {
    uint256 public entries;
    bytes public lastError;

    receive() external payable {
        ++entries;
        try IPullPayments(msg.sender).claim(payable(address(this))) {}
        catch (bytes memory reason) {
            lastError = reason;
        }
    }
}
