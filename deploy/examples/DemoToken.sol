// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title DemoToken
/// @notice An ordinary token to show that the L2 runs ordinary contracts.
contract DemoToken is ERC20 {
    /// @param holder Gets the whole supply.
    /// @param supply In the smallest unit (18 decimals).
    constructor(address holder, uint256 supply) ERC20("Demo Token", "DEMO") {
        _mint(holder, supply);
    }
}
