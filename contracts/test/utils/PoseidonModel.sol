// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {PoseidonSolidity} from "../../src/libraries/PoseidonSolidity.sol";

/// @notice The depth-20 Poseidon tree by its definition: all leaves at hand, each level hashed in full. Shares no code
/// with `PoseidonTree`, which it checks.
library PoseidonModel {
    uint256 internal constant DEPTH = 20;

    function root(uint256[] memory leaves) internal pure returns (uint256) {
        uint256[] memory level = leaves;
        uint256 empty = 0;
        for (uint256 i = 0; i < DEPTH; ++i) {
            level = parents(level, empty);
            empty = PoseidonSolidity.hash(empty, empty);
        }
        return level.length == 0 ? empty : level[0];
    }

    function proof(uint256[] memory leaves, uint256 index) internal pure returns (uint256[20] memory siblings) {
        uint256[] memory level = leaves;
        uint256 empty = 0;
        for (uint256 i = 0; i < DEPTH; ++i) {
            siblings[i] = nodeAt(level, index ^ 1, empty);
            level = parents(level, empty);
            empty = PoseidonSolidity.hash(empty, empty);
            index /= 2;
        }
    }

    function parents(uint256[] memory level, uint256 empty) private pure returns (uint256[] memory above) {
        above = new uint256[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = PoseidonSolidity.hash(nodeAt(level, 2 * i, empty), nodeAt(level, 2 * i + 1, empty));
        }
    }

    function nodeAt(uint256[] memory level, uint256 index, uint256 empty) private pure returns (uint256) {
        return index < level.length ? level[index] : empty;
    }
}
