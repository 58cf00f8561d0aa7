// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {SplitVerifierDeployment} from "../../../deploy/economy/lib/SplitVerifierDeployment.sol";
import {SplitVerifier} from "../../src/usage/SplitVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The verifier of Split proofs as deployments make it, and a kept real proof.
abstract contract SplitVerifierFixture is Test, SplitVerifierDeployment {
    SplitVerifier internal verifier;
    uint256[8] internal inputs;
    bytes internal proof;

    function setUp() public virtual {
        verifier = deploySplitVerifier();
        string memory json = vm.readFile("test/vectors/split-proof.json");
        bytes32[] memory words = vm.parseJsonBytes32Array(json, ".inputs");
        for (uint256 i = 0; i < 8; ++i) {
            inputs[i] = uint256(words[i]);
        }
        proof = vm.parseJsonBytes(json, ".proof");
    }
}
