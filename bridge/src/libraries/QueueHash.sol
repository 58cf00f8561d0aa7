// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title QueueHash
/// @notice Hashes of the L1 message queue, as in docs/PROTOCOL.md.
library QueueHash {
    /// @notice Hash of one message; `dataHash` is the keccak of its call data.
    function messageHash(
        uint64 index,
        address sender,
        address to,
        uint128 mint,
        uint128 value,
        uint64 gasLimit,
        bytes32 dataHash
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(index, sender, to, mint, value, gasLimit, dataHash));
    }

    /// @notice The rolling hash after one more message.
    function append(bytes32 queueHash, bytes32 message) internal pure returns (bytes32) {
        return keccak256(abi.encode(queueHash, message));
    }
}
