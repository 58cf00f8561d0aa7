// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IArbitrator} from "../../src/interfaces/IArbitrator.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";

/// @notice Remembers the last dispute and rules when told; can be made to burn the gas of its notice.
contract MockArbitrator is IArbitrator {
    bytes32 public jobId;
    address public disputedBy;
    uint256 public amount;
    bool public burns;

    function setBurns(bool burns_) external {
        burns = burns_;
    }

    function onDispute(bytes32 jobId_, address disputedBy_, uint256 amount_) external {
        while (burns) {}
        jobId = jobId_;
        disputedBy = disputedBy_;
        amount = amount_;
    }

    function rule(IEscrow escrow, bytes32 jobId_, uint256 contractorPpm) external {
        escrow.rule(jobId_, contractorPpm);
    }
}
