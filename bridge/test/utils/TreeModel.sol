// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

/// @notice The withdrawal tree by its definition: all leaves at hand, each level hashed in full. Shares no code with
/// `MessagePasser` or `WithdrawalTree`, which it checks.
library TreeModel {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        bytes32 empty = 0;
        for (uint256 i = 0; i < 32; ++i) {
            level = parents(level, empty);
            empty = keccak256(abi.encodePacked(empty, empty));
        }
        return level.length == 0 ? empty : level[0];
    }

    function proof(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[32] memory siblings) {
        bytes32[] memory level = leaves;
        bytes32 empty = 0;
        for (uint256 i = 0; i < 32; ++i) {
            siblings[i] = nodeAt(level, index ^ 1, empty);
            level = parents(level, empty);
            empty = keccak256(abi.encodePacked(empty, empty));
            index /= 2;
        }
    }

    function parents(bytes32[] memory level, bytes32 empty) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = keccak256(abi.encodePacked(nodeAt(level, 2 * i, empty), nodeAt(level, 2 * i + 1, empty)));
        }
    }

    function nodeAt(bytes32[] memory level, uint256 index, bytes32 empty) private pure returns (bytes32) {
        return index < level.length ? level[index] : empty;
    }
}
