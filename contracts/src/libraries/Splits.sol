// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {Payee} from "../interfaces/ICWERegistry.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Splits
/// @notice Shares in parts per million, and the one way in which money is divided by them.
library Splits {
    /// @notice What all shares of a work add up to.
    uint256 internal constant WHOLE_PPM = 1_000_000;
    /// @notice Bounds the work of every payment.
    uint256 internal constant MAX_PAYEES = 64;

    /// @notice `count` payees are not 1 … `maximum`.
    error PayeeCountInvalid(uint256 count, uint256 maximum);
    /// @notice Payee number `index` has no address or no share.
    error PayeeInvalid(uint256 index, address payee, uint96 share);
    /// @notice `payee` appears twice.
    error DuplicatePayee(address payee);
    /// @notice The shares add up to `sum` ppm, not to 1 000 000.
    error SharesDoNotSum(uint256 sum);

    /// @notice Reverts unless the payees are 1 … 64 distinct addresses with shares that add up to the whole.
    function requireValid(Payee[] memory payees) internal pure {
        uint256 count = payees.length;
        if (count == 0 || count > MAX_PAYEES) revert PayeeCountInvalid(count, MAX_PAYEES);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            address account = payees[i].account;
            if (account == address(0) || payees[i].share == 0) revert PayeeInvalid(i, account, payees[i].share);
            for (uint256 j = 0; j < i; ++j) {
                if (payees[j].account == account) revert DuplicatePayee(account);
            }
            sum += payees[i].share;
        }
        if (sum != WHOLE_PPM) revert SharesDoNotSum(sum);
    }

    /// @notice A share of an amount, rounded down.
    function part(uint256 amount, uint256 sharePpm) internal pure returns (uint256) {
        return Math.mulDiv(amount, sharePpm, WHOLE_PPM);
    }

    /// @notice Each payee's part of `amount`, in the order of the payees: rounded down, and what rounding leaves over
    /// goes to the first.
    function divide(uint256 amount, Payee[] memory payees) internal pure returns (uint256[] memory parts) {
        parts = new uint256[](payees.length);
        uint256 rest = amount;
        for (uint256 i = 0; i < payees.length; ++i) {
            parts[i] = part(amount, payees[i].share);
            rest -= parts[i];
        }
        parts[0] += rest;
    }
}
