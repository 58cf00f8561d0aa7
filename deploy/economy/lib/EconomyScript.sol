// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Script} from "forge-std/Script.sol";

/// @title EconomyScript
/// @notice What the economy's scripts share: where the addresses are, and how names become ids.
abstract contract EconomyScript is Script {
    /// @notice The deployment's file is missing for this chain: run `DeployEconomy` first.
    error UnknownDeployment(string file);
    /// @notice A name of `length` bytes does not fit `maximum`.
    error NameTooLong(string name, uint256 length, uint256 maximum);

    /// @notice Tier ids are right-aligned names of at most 23 bytes.
    function tierId(string memory name) internal pure returns (bytes32) {
        return bytes32(uint256(ruleId(name)) >> (8 * (32 - _length(name, 23))));
    }

    /// @notice Region rules are left-aligned names of at most 32 bytes.
    function ruleId(string memory name) internal pure returns (bytes32) {
        _length(name, 32);
        // forge-lint: disable-next-line(unsafe-typecast): at most 32 bytes
        return bytes32(bytes(name));
    }

    function addressesFile() internal view returns (string memory) {
        return string.concat("deploy/out/economy-", vm.toString(block.chainid), ".json");
    }

    function economy(string memory name) internal view returns (address) {
        if (!vm.isFile(addressesFile())) revert UnknownDeployment(addressesFile());
        return vm.parseJsonAddress(vm.readFile(addressesFile()), string.concat(".", name));
    }

    function _length(string memory name, uint256 maximum) private pure returns (uint256 length) {
        length = bytes(name).length;
        if (length > maximum) revert NameTooLong(name, length, maximum);
    }
}
