// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title AddressAlias
/// @notice Gives an L1 contract an L2 address of its own, so that it can never act as the (different) L2 contract that
/// happens to live at the same address.
library AddressAlias {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice The L2 sender of a message that `msg.sender` sends: itself, or its alias when it is a contract.
    function ofCaller() internal view returns (address) {
        // An origin that is also the caller holds a key, and the same key rules the same address on L2.
        // solhint-disable-next-line avoid-tx-origin
        return msg.sender == tx.origin ? msg.sender : apply_(msg.sender);
    }

    /// @notice L2 alias of L1 contract `l1Address`.
    function apply_(address l1Address) internal pure returns (address) {
        unchecked {
            return address(uint160(l1Address) + OFFSET);
        }
    }
}
