// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../bridge/src/BatchVerifier.sol";
import {VerifierDeployment} from "./lib/VerifierDeployment.sol";
import {console} from "forge-std/console.sol";

/// @title DeployVerifier
/// @notice Deploys the verifier of the kept program for a rollup that has none, or an older one. Nothing uses it until
/// the timelock has executed `Operate.setVerifier` with the address that this prints.
///
///   forge script deploy/DeployVerifier.s.sol --rpc-url $L1_RPC --private-key $KEY --broadcast
contract DeployVerifier is VerifierDeployment {
    function run() external returns (address halo2Verifier, address batchVerifier) {
        vm.startBroadcast();
        BatchVerifier verifier = deployVerifier();
        vm.stopBroadcast();
        (halo2Verifier, batchVerifier) = (verifier.halo2Verifier(), address(verifier));
        console.log("Halo2Verifier", halo2Verifier);
        console.log("BatchVerifier", batchVerifier);
    }
}
