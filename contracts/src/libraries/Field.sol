// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {PoseidonSolidity} from "./PoseidonSolidity.sol";

/// @title Field
/// @notice The BN254 scalar field, in which the usage circuits compute, and how ids become its elements.
library Field {
    /// @notice The modulus.
    uint256 internal constant MODULUS = PoseidonSolidity.MODULUS;
    /// @dev Tier ids are below 2¹⁸⁴, so that a tier and an epoch fill 248 bits.
    uint256 internal constant TIER_ID_BITS = 184;

    /// @notice `value` is not a canonical field element (below the modulus), or is zero where it must not be.
    error NotAFieldElement(uint256 value);

    /// @notice Reverts unless 0 < value < modulus.
    function requireNonZero(uint256 value) internal pure {
        if (value == 0 || value >= MODULUS) revert NotAFieldElement(value);
    }

    /// @notice `tier ‖ epoch` as one element: `tierId · 2⁶⁴ + epoch`. Injective, because a tier id is below 2¹⁸⁴.
    function tierEpoch(bytes32 tierId, uint64 epoch) internal pure returns (uint256) {
        return (uint256(tierId) << 64) | epoch;
    }

    /// @notice Whether `tierId` is non-zero and below 2¹⁸⁴.
    function isTierId(bytes32 tierId) internal pure returns (bool) {
        return tierId != 0 && uint256(tierId) >> TIER_ID_BITS == 0;
    }

    /// @notice Whether `workId` is non-zero and its top byte is 0, which makes it a canonical field element.
    function isWorkId(bytes32 workId) internal pure returns (bool) {
        return workId != 0 && uint256(workId) >> 248 == 0;
    }
}
