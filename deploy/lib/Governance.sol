// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Timelock} from "../../bridge/src/Timelock.sol";
import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";

/// @title Governance
/// @notice How scripts change settings: everything goes through a timelock, in two steps.
abstract contract Governance is Script {
    /// @notice Schedules a call as a proposer, or executes it, which anybody may once the delay is over.
    function govern(Timelock timelock, bool schedule, address target, bytes memory call) internal {
        uint256 delay = timelock.getMinDelay();
        console.log("operation", vm.toString(timelock.hashOperation(target, 0, call, 0, 0)));
        vm.broadcast();
        if (schedule) {
            timelock.schedule(target, 0, call, 0, 0, delay);
            console.log("can be executed in seconds:", delay);
        } else {
            timelock.execute(target, 0, call, 0, 0);
        }
    }
}
