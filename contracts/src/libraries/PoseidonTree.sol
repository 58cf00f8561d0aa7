// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {Poseidon} from "./Poseidon.sol";
import {PoseidonConstants} from "./PoseidonConstants.sol";

/// @title PoseidonTree
/// @notice Append-only binary Poseidon tree of depth 20 that keeps only its right edge: an append writes two slots and
/// hashes once on average; the root is computed when somebody asks for it. An empty leaf is 0.
library PoseidonTree {
    uint256 internal constant DEPTH = 20;

    struct Tree {
        uint256 count;
        /// @dev By level: the last complete left subtree, valid where bit `level` of `count` is set.
        uint256[DEPTH + 1] branch;
    }

    /// @notice All 2²⁰ leaves are taken.
    error TreeFull();
    /// @notice The leaf given and its siblings do not lead from position `index` to the root.
    error NotInTree(uint256 index);

    /// @notice Appends `leaf`.
    /// @return index Its position.
    function append(Tree storage tree, uint256 leaf) internal returns (uint256 index) {
        index = tree.count;
        if (index >= 2 ** DEPTH) revert TreeFull();
        uint256 node = leaf;
        uint256 level = 0;
        for (; (index >> level) & 1 == 1; ++level) {
            node = Poseidon.hash(tree.branch[level], node);
        }
        tree.branch[level] = node;
        tree.count = index + 1;
    }

    /// @notice The root, 0 before the first append. One hash a level.
    function root(Tree storage tree) internal view returns (uint256 node) {
        uint256 count = tree.count;
        if (count == 0) return 0;
        if (count == 2 ** DEPTH) return tree.branch[DEPTH];
        bytes memory empties = PoseidonConstants.EMPTY_ROOTS;
        uint256 level = 0;
        while ((count >> level) & 1 == 0) ++level;
        node = _word(empties, level);
        for (; level < DEPTH; ++level) {
            node = _edgeParent(tree, count, level, node, empties);
        }
    }

    /// @notice Replaces the leaf at `index`.
    /// @dev Siblings right of the last leaf are known here and not taken from the caller, so that leaves appended after
    /// the caller looked do not spoil its path.
    /// @param oldNode The leaf that is there.
    /// @param newNode The leaf to be there.
    /// @param siblings From the leaf up.
    function replace(
        Tree storage tree,
        uint256 index,
        uint256 oldNode,
        uint256 newNode,
        uint256[DEPTH] calldata siblings
    ) internal {
        uint256 count = tree.count;
        bytes memory empties = PoseidonConstants.EMPTY_ROOTS;
        // The node on the path of the next leaf to be appended.
        uint256 edgeNode = 0;
        for (uint256 level = 0; level < DEPTH; ++level) {
            uint256 position = index >> level;
            uint256 edge = count >> level;
            uint256 sibling = _word(empties, level);
            // Exclusive or, not a power: the neighbour's position.
            // slither-disable-start incorrect-exp
            if ((position ^ 1) < edge) sibling = siblings[level];
            else if ((position ^ 1) == edge) sibling = edgeNode;
            // slither-disable-end incorrect-exp
            // With the branch as it was: at the top this is the old root.
            edgeNode = _edgeParent(tree, count, level, edgeNode, empties);
            if (edge & 1 == 1 && position + 1 == edge) tree.branch[level] = newNode;
            oldNode = _parent(position, oldNode, sibling);
            newNode = _parent(position, newNode, sibling);
        }
        if (count == 2 ** DEPTH) (edgeNode, tree.branch[DEPTH]) = (tree.branch[DEPTH], newNode);
        if (index >= count || oldNode != edgeNode) revert NotInTree(index);
    }

    /// @dev Parent of the node at `level` on the path of the next leaf to be appended.
    function _edgeParent(Tree storage tree, uint256 count, uint256 level, uint256 node, bytes memory empties)
        private
        view
        returns (uint256)
    {
        return (count >> level) & 1 == 1
            ? Poseidon.hash(tree.branch[level], node)
            : Poseidon.hash(node, _word(empties, level));
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
