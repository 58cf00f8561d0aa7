// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title CommitmentTree
/// @notice Binary keccak tree of depth 24 with all its nodes in storage, so that any leaf can change without a proof
/// that a neighbour's change would outdate. An empty leaf is 0.
library CommitmentTree {
    uint256 internal constant DEPTH = 24;

    struct Tree {
        uint256 count;
        /// @dev By `level ‖ position`, left of and including the last leaf's path.
        mapping(uint256 key => bytes32) nodes;
    }

    /// @notice All 2²⁴ leaves are taken.
    error CommitmentTreeFull();

    /// @notice Appends `leaf`.
    function append(Tree storage tree, bytes32 leaf) internal returns (uint256 index, bytes32 root) {
        index = tree.count;
        if (index >= 2 ** DEPTH) revert CommitmentTreeFull();
        tree.count = index + 1;
        root = set(tree, index, leaf);
    }

    /// @notice Sets leaf `index`, which must exist, and returns the new root.
    function set(Tree storage tree, uint256 index, bytes32 leaf) internal returns (bytes32 node) {
        node = leaf;
        bytes32 empty = 0;
        uint256 last = tree.count - 1;
        for (uint256 level = 0; level < DEPTH; ++level) {
            uint256 position = index >> level;
            // Exclusive or, not a power.
            // slither-disable-next-line incorrect-exp
            uint256 neighbour = position ^ 1;
            tree.nodes[_key(level, position)] = node;
            // Right of the last leaf is nothing to read.
            bytes32 sibling = neighbour > last >> level ? empty : tree.nodes[_key(level, neighbour)];
            node = position & 1 == 1 ? _hashPair(sibling, node) : _hashPair(node, sibling);
            empty = _hashPair(empty, empty);
        }
    }

    function _key(uint256 level, uint256 position) private pure returns (uint256) {
        return (level << 32) | position;
    }

    function _hashPair(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}
