// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title WithdrawalTree
/// @notice Leaves and proofs of the append-only withdrawal tree that `MessagePasser` keeps on L2.
library WithdrawalTree {
    uint256 internal constant DEPTH = 32;

    /// @notice Leaf of withdrawal `index`.
    function leaf(uint64 index, address sender, address recipient, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(index, sender, recipient, amount));
    }

    /// @notice Root that `proof` (siblings from the leaf up) leads to from `node` at position `index`.
    function rootOf(bytes32 node, uint64 index, bytes32[DEPTH] calldata proof) internal pure returns (bytes32) {
        for (uint256 level = 0; level < DEPTH; ++level) {
            bytes32 sibling = proof[level];
            bool isRight = (index >> level) & 1 == 1;
            node = isRight ? hashPair(sibling, node) : hashPair(node, sibling);
        }
        return node;
    }

    /// @notice keccak256(left ‖ right).
    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}
