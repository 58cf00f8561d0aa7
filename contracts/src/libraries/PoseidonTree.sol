// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {Poseidon} from "./Poseidon.sol";
import {PoseidonConstants} from "./PoseidonConstants.sol";

/// @title PoseidonTree
/// @notice Append-only binary Poseidon tree of depth 20 that keeps only its right edge: one hash a level and at most
/// three written slots an append. An empty leaf is 0.
library PoseidonTree {
    uint256 internal constant DEPTH = 20;

    struct Tree {
        /// @dev Zero before the first append.
        uint256 root;
        uint256 count;
        /// @dev By level: the last complete left subtree, valid where bit `level` of `count` is set.
        uint256[DEPTH] branch;
    }

    /// @notice All 2²⁰ leaves are taken.
    error TreeFull();
    /// @notice The leaf given and its siblings do not lead from position `index` to the root.
    error NotInTree(uint256 index);

    /// @notice Appends `leaf`.
    /// @return index Its position.
    /// @return root The new root.
    function append(Tree storage tree, uint256 leaf) internal returns (uint256 index, uint256 root) {
        index = tree.count;
        if (index >= 2 ** DEPTH) revert TreeFull();
        bytes memory empties = PoseidonConstants.EMPTY_ROOTS;
        root = leaf;
        bool stored = false;
        for (uint256 level = 0; level < DEPTH; ++level) {
            if ((index >> level) & 1 == 0) {
                if (!stored) {
                    tree.branch[level] = root;
                    stored = true;
                }
                root = Poseidon.hash(root, _word(empties, level));
            } else {
                root = Poseidon.hash(tree.branch[level], root);
            }
        }
        tree.count = index + 1;
        tree.root = root;
    }

    /// @notice Replaces the leaf at `index`.
    /// @dev Siblings right of the last leaf are known here and not taken from the caller, so that leaves appended after
    /// the caller looked do not spoil its path.
    /// @param oldNode The leaf that is there.
    /// @param newNode The leaf to be there.
    /// @param siblings From the leaf up.
    /// @return root The new root.
    function replace(
        Tree storage tree,
        uint256 index,
        uint256 oldNode,
        uint256 newNode,
        uint256[DEPTH] calldata siblings
    ) internal returns (uint256 root) {
        uint256 count = tree.count;
        bytes memory empties = PoseidonConstants.EMPTY_ROOTS;
        // The node on the path of the next leaf to be appended.
        uint256 edgeNode = 0;
        for (uint256 level = 0; level < DEPTH; ++level) {
            uint256 position = index >> level;
            uint256 edge = count >> level;
            if (edge & 1 == 1 && position + 1 == edge) tree.branch[level] = newNode;
            uint256 sibling = _word(empties, level);
            if ((position ^ 1) < edge) sibling = siblings[level];
            else if ((position ^ 1) == edge) sibling = edgeNode;
            edgeNode = edge & 1 == 1
                ? Poseidon.hash(tree.branch[level], edgeNode)
                : Poseidon.hash(edgeNode, _word(empties, level));
            oldNode = _parent(position, oldNode, sibling);
            newNode = _parent(position, newNode, sibling);
        }
        if (index >= count || oldNode != tree.root) revert NotInTree(index);
        tree.root = newNode;
        return newNode;
    }

    function _parent(uint256 position, uint256 node, uint256 sibling) private view returns (uint256) {
        return position & 1 == 1 ? Poseidon.hash(sibling, node) : Poseidon.hash(node, sibling);
    }

    function _word(bytes memory words, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(words, 0x20), shl(5, index)))
        }
    }
}
