// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {SplitVerifier} from "../../contracts/src/usage/SplitVerifier.sol";
import {SplitVerifierDeployment} from "./lib/SplitVerifierDeployment.sol";
import {console} from "forge-std/console.sol";

/// @title DeploySplitVerifier
/// @notice Deploys the repository's verifier of Split proofs for an economy that has none, or an older one. Nothing uses
/// it until the timelock has executed `OperateEconomy.setSplitVerifier` with the address that this prints.
///
///   forge script deploy/economy/DeploySplitVerifier.s.sol --rpc-url $L2_RPC --private-key $KEY --broadcast --slow
contract DeploySplitVerifier is SplitVerifierDeployment {
    function run() external returns (SplitVerifier verifier) {
        vm.startBroadcast();
        verifier = deploySplitVerifier();
        vm.stopBroadcast();
        console.log("SplitVerifier", address(verifier));
    }
}
