// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

/// @notice A payout list as OpenZeppelin's StandardMerkleTree builds it: double-hashed leaves in ascending order, at the
/// end of a heap, in reverse.
library PayoutList {
    function leaf(uint64 epoch, bytes32 workId, uint256 amount) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(epoch, workId, amount))));
    }

    /// @dev As it is published: the work id without its top byte, the amount in 12 bytes.
    function entry(bytes32 workId, uint256 amount) internal pure returns (bytes memory) {
        return abi.encodePacked(uint248(uint256(workId)), uint96(amount));
    }

    function entries(bytes32[] memory works, uint256[] memory amounts) internal pure returns (bytes memory list) {
        // The last write ends 20 bytes behind the last entry.
        list = new bytes(43 * works.length + 20);
        for (uint256 i = 0; i < works.length; ++i) {
            bytes memory one = entry(works[i], amounts[i]);
            assembly ("memory-safe") {
                let at := add(list, add(0x20, mul(43, i)))
                mstore(at, mload(add(one, 0x20)))
                mstore(add(at, 31), mload(add(one, 63)))
            }
        }
        assembly ("memory-safe") {
            mstore(list, mul(43, mload(works)))
        }
    }

    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return leaves.length == 0 ? bytes32(0) : heap(leaves)[0];
    }

    function proof(bytes32[] memory leaves, bytes32 wanted) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory nodes = heap(leaves);
        uint256 index = nodes.length - 1;
        while (nodes[index] != wanted) --index;
        siblings = new bytes32[](64);
        uint256 count = 0;
        while (index > 0) {
            siblings[count++] = nodes[index % 2 == 0 ? index - 1 : index + 1];
            index = (index - 1) / 2;
        }
        assembly {
            mstore(siblings, count)
        }
    }

    function heap(bytes32[] memory leaves) internal pure returns (bytes32[] memory nodes) {
        uint256 count = leaves.length;
        bytes32[] memory ordered = sorted(leaves);
        nodes = new bytes32[](2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            nodes[nodes.length - 1 - i] = ordered[i];
        }
        for (uint256 i = nodes.length - count; i > 0; --i) {
            nodes[i - 1] = pair(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    function sorted(bytes32[] memory leaves) internal pure returns (bytes32[] memory ordered) {
        ordered = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 at = i;
            while (at > 0 && ordered[at - 1] > leaves[i]) {
                ordered[at] = ordered[at - 1];
                --at;
            }
            ordered[at] = leaves[i];
        }
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }
}
