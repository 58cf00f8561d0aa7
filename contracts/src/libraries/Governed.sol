// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title Governed
/// @notice What every contract of the economy is: code behind a proxy that only its owner, governance's timelock, may
/// replace.
abstract contract Governed is Initializable, OwnableUpgradeable, UUPSUpgradeable {
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();

    constructor() {
        _disableInitializers();
    }

    function _requireNonZero(address account) internal pure {
        if (account == address(0)) revert ZeroAddress();
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
