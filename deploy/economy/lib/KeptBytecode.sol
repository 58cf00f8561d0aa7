// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Script} from "forge-std/Script.sol";

/// @title KeptBytecode
/// @notice Deploys generated contracts from the bytecode that the repository keeps. They are compiled with settings of
/// their own (foundry.toml), so that they can't be imported; the kept bytecode needs no build, and everybody deploys the
/// same.
abstract contract KeptBytecode is Script {
    string internal constant BYTECODES = "crates/bindings/abi/";

    /// @notice The creation of a generated contract failed.
    error CreationOfKeptFailed(string name);

    /// @notice Deploys the generated contract `name`, which takes no arguments.
    function deployKept(string memory name) internal returns (address account) {
        string memory file = string.concat(BYTECODES, name, ".json");
        bytes memory code = vm.parseJsonBytes(vm.readFile(file), ".bytecode");
        assembly ("memory-safe") {
            account := create(0, add(code, 0x20), mload(code))
        }
        if (account == address(0)) revert CreationOfKeptFailed(name);
    }
}
