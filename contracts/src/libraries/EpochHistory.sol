// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title EpochHistory
/// @notice A value of at most 208 bits that changes from an epoch on; every past epoch's value stays readable.
library EpochHistory {
    using Checkpoints for Checkpoints.Trace208;

    struct History {
        Checkpoints.Trace208 trace;
    }

    /// @notice `value` holds from `fromEpoch` on. A value set for the same epoch before is replaced.
    function set(History storage self, uint64 fromEpoch, uint208 value) internal {
        // It returns the old and the new value, which the caller knows.
        // slither-disable-next-line unused-return
        self.trace.push(SafeCast.toUint48(fromEpoch), value);
    }

    /// @notice The value of `epoch`, 0 when none was set by then.
    function at(History storage self, uint64 epoch) internal view returns (uint208) {
        return self.trace.upperLookupRecent(SafeCast.toUint48(epoch));
    }

    /// @notice Whether no value was ever set.
    function isEmpty(History storage self) internal view returns (bool) {
        return self.trace.length() == 0;
    }
}
