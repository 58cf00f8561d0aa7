// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";

/// @title PayoutLists
/// @notice A payout list as it is published: in chunks, of which the chain keeps only the last link of a hash chain. The
/// entries are in events, where nobody can take them back.
library PayoutLists {
    /// @notice Bytes of an entry: a work id without its top byte, which is zero, and an amount of 12 bytes.
    uint256 internal constant ENTRY_BYTES = 43;
    /// @notice Entries of every chunk but the last.
    uint256 internal constant CHUNK_ENTRIES = 2048;

    struct List {
        bytes32 payoutsHash;
        uint32 chunks;
        /// @dev Whether the last chunk is full, so that another one may follow.
        bool open;
    }

    /// @notice Appends chunk `index`; number 0 begins the list anew.
    /// @return payoutsHash Of the list with this chunk: `keccak256(abi.encode(hash before, keccak256(entries)))`.
    function append(List storage self, uint32 index, bytes calldata entries) internal returns (bytes32 payoutsHash) {
        uint256 count = entries.length / ENTRY_BYTES;
        if (count == 0 || count > CHUNK_ENTRIES || entries.length % ENTRY_BYTES != 0) {
            revert ICWEPayouts.PublicationInvalid(entries.length);
        }
        uint32 next = self.open ? self.chunks : 0;
        if (index != 0 && index != next) revert ICWEPayouts.PublicationOutOfOrder(index, next);
        bytes32 before = index == 0 ? bytes32(0) : self.payoutsHash;
        payoutsHash = keccak256(abi.encode(before, keccak256(entries)));
        (self.payoutsHash, self.chunks, self.open) = (payoutsHash, index + 1, count == CHUNK_ENTRIES);
    }
}
