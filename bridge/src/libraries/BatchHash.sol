// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {IRollup} from "../interfaces/IRollup.sol";

/// @title BatchHash
/// @notice Hashes of batches and of what a validity proof is about, as in docs/PROTOCOL.md.
library BatchHash {
    /// @notice The part of a blob opening that the proof binds.
    struct Opening {
        bytes32 versionedHash;
        bytes32 z;
        bytes32 y;
    }

    /// @notice Hash of a batch.
    function hash(IRollup.Batch memory batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(batch));
    }

    /// @notice Hash of a batch's data in blobs.
    function blobDataHash(bytes32[] memory versionedHashes) internal pure returns (bytes32) {
        return keccak256(abi.encode(versionedHashes));
    }

    /// @notice What a proof says about one batch.
    function proven(bytes32 batchHash, Opening[] memory openings) internal pure returns (bytes32) {
        return keccak256(abi.encode(batchHash, openings));
    }

    /// @notice The public value of a proof for `first … last` made for `prover`.
    /// @param batchesHash keccak of the concatenated `proven` hashes of all batches of the run.
    function publicValue(
        uint256 l2ChainId,
        IRollup.Batch memory first,
        IRollup.Batch memory last,
        bytes32 batchesHash,
        address prover
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                l2ChainId,
                first.parentBlockHash,
                last.blockHash,
                last.stateRoot,
                last.withdrawalRoot,
                first.queueHashBefore,
                last.queueHashAfter,
                batchesHash,
                prover
            )
        );
    }
}
