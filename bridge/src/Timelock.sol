// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice Owner of every L1 contract: what governance decides takes effect no sooner than `minDelay` after it is
/// public. Production uses 30 days, longer than the exit window (`forceAfter` + `openAfter` + proving).
contract Timelock is TimelockController {
    /// @param minDelay Seconds between schedule and execution.
    /// @param proposers May schedule and cancel.
    /// @param executors May execute; the zero address stands for everybody.
    constructor(uint256 minDelay, address[] memory proposers, address[] memory executors)
        TimelockController(minDelay, proposers, executors, address(0))
    {}
}
