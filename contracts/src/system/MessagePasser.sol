// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IMessagePasser} from "../interfaces/IMessagePasser.sol";

/// @title MessagePasser
/// @notice See {IMessagePasser}. Lives at `0x…C0E001` from genesis on; its code has no constructor. An append-only
/// binary keccak tree of depth 32 that keeps only its right edge. What it receives it cannot spend: that is the burn.
// slither-disable-next-line locked-ether
contract MessagePasser is IMessagePasser {
    uint256 internal constant DEPTH = 32;

    /// @inheritdoc IMessagePasser
    /// @dev Slot 0, read by proofs. Genesis sets it to the root of the empty tree.
    bytes32 public root;
    /// @inheritdoc IMessagePasser
    /// @dev Slot 1.
    uint256 public count;
    /// @dev Slots 2 … 33: for each level the last complete left subtree.
    bytes32[DEPTH] internal branch;

    /// @inheritdoc IMessagePasser
    function withdraw(address recipient) external payable returns (uint64 index) {
        if (msg.value == 0) revert ZeroAmount();
        if (recipient == address(0)) revert ZeroRecipient();
        if (count >= 2 ** DEPTH) revert TreeFull();
        // forge-lint: disable-next-line(unsafe-typecast): below 2³²
        index = uint64(count);
        bytes32 leaf = keccak256(abi.encode(index, msg.sender, recipient, msg.value));
        bytes32 newRoot = _append(leaf, index);
        count = uint256(index) + 1;
        root = newRoot;
        emit WithdrawalInitiated(index, msg.sender, recipient, msg.value, leaf, newRoot);
    }

    /// @dev Walks from the new leaf to the root: left of the path are complete subtrees kept in `branch`, right of it
    /// is nothing, whose hash at each level is `empty`.
    function _append(bytes32 node, uint256 index) private returns (bytes32) {
        bytes32 empty = 0;
        bool stored = false;
        for (uint256 level = 0; level < DEPTH; ++level) {
            if ((index >> level) & 1 == 0) {
                if (!stored) {
                    branch[level] = node;
                    stored = true;
                }
                node = _hashPair(node, empty);
            } else {
                node = _hashPair(branch[level], node);
            }
            empty = _hashPair(empty, empty);
        }
        return node;
    }

    function _hashPair(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}
