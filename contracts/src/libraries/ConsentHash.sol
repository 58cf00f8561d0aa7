// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ConsentHash
/// @notice What a payee agrees to, as EIP-712 hashes it. A version number of a work is used once, and so is a consent.
library ConsentHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "SplitConsent(bytes32 workId,uint32 version,bytes32 creatorId,address payee,uint96 share,uint64 deadline)"
    );

    /// @notice Struct hash of a consent.
    /// @param deadline Unix time in seconds: end of the signature.
    function hash(bytes32 workId, uint32 version, bytes32 creatorId, address payee, uint96 share, uint64 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(TYPEHASH, workId, version, creatorId, payee, share, deadline));
    }
}
