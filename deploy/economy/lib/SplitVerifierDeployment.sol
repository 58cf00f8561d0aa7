// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {SplitVerifier} from "../../../contracts/src/usage/SplitVerifier.sol";
import {KeptBytecode} from "./KeptBytecode.sol";
import {console} from "forge-std/console.sol";

/// @title SplitVerifierDeployment
/// @notice Deploys the generated contracts that verify Split proofs, and the contract that pins them.
abstract contract SplitVerifierDeployment is KeptBytecode {
    string internal constant SPLIT_VERIFIER_LAYOUT = "contracts/src/generated/halo2-split-verifier.json";

    /// @notice A timelock with a delay governs something of value, and under a development setup anybody could prove
    /// anything. Development has a delay of 0.
    error UnsafeSplitVerifier(address verifier, uint256 timelockDelay);
    /// @notice The generated verifier has another number of contracts than `SplitVerifier` calls.
    error PartsMismatch(uint256 generated, uint256 expected);

    /// @notice Deploys all of it, as whoever broadcasts. In order: the parts, the contract that pins them.
    function deploySplitVerifier() internal returns (SplitVerifier verifier) {
        string memory layout = vm.readFile(SPLIT_VERIFIER_LAYOUT);
        address[3] memory parts;
        uint256 generated = vm.parseJsonUint(layout, ".parts");
        if (generated != parts.length) revert PartsMismatch(generated, parts.length);
        for (uint256 i = 0; i < parts.length; ++i) {
            parts[i] = deployKept(string.concat("Halo2SplitVerifierPart", vm.toString(i + 1)));
        }
        verifier = new SplitVerifier(parts, vm.parseJsonString(layout, ".srs"));
        console.log(verifier.name(), verifier.srs());
    }

    /// @notice Refuses a development setup where the timelock has a delay.
    /// @param verifier A `SplitVerifier`.
    /// @param timelockDelay Of the timelock that owns the economy, in seconds.
    function requireSafeSplitVerifier(address verifier, uint256 timelockDelay) public view {
        if (timelockDelay != 0 && !SplitVerifier(verifier).isSafe()) {
            revert UnsafeSplitVerifier(verifier, timelockDelay);
        }
    }
}
