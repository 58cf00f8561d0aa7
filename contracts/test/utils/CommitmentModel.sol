// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

/// @notice The depth-24 keccak tree by its definition. Shares no code with `CommitmentTree`, which it checks.
library CommitmentModel {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        bytes32 empty = 0;
        for (uint256 i = 0; i < 24; ++i) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 j = 0; j < above.length; ++j) {
                bytes32 right = 2 * j + 1 < level.length ? level[2 * j + 1] : empty;
                above[j] = keccak256(abi.encodePacked(level[2 * j], right));
            }
            level = above;
            empty = keccak256(abi.encodePacked(empty, empty));
        }
        return level.length == 0 ? empty : level[0];
    }
}
