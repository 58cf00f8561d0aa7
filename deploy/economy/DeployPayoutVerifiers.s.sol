// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Timelock} from "../../bridge/src/Timelock.sol";
import {CWEPayouts} from "../../contracts/src/payouts/CWEPayouts.sol";
import {Governance} from "../lib/Governance.sol";
import {EconomyScript} from "./lib/EconomyScript.sol";
import {PayoutVerifiers, PayoutVerifiersDeployment} from "./lib/PayoutVerifiersDeployment.sol";
import {console} from "forge-std/console.sol";

/// @title DeployPayoutVerifiers
/// @notice Deploys the repository's verifiers of aggregates and settlements for an economy that has none, or older ones,
/// and has its timelock set them: where that has no delay at once, else it is scheduled, and executed after the delay by
/// `OperateEconomy.setPayoutVerifiers(false, …)` with the addresses that this prints. A development setup is refused
/// unless the timelock has no delay. As the governor:
///
///   forge script deploy/economy/DeployPayoutVerifiers.s.sol --rpc-url $L2_RPC --private-key $KEY --broadcast --slow
contract DeployPayoutVerifiers is EconomyScript, Governance, PayoutVerifiersDeployment {
    function run() external returns (PayoutVerifiers memory deployed) {
        vm.startBroadcast();
        deployed = deployPayoutVerifiers();
        vm.stopBroadcast();
        console.log("Halo2Verifier", deployed.halo2Verifier);
        console.log("BatchVerifier of aggregation", deployed.aggregationProofs);
        console.log("AggregationVerifier", deployed.aggregation);
        console.log("BatchVerifier of settlement", deployed.settlement);
        install(Timelock(payable(economy("timelock"))), economy("payouts"), deployed);
    }

    /// @notice Has the timelock set both verifiers, at once if it can.
    function install(Timelock timelock, address payouts, PayoutVerifiers memory deployed) public {
        uint256 delay = timelock.getMinDelay();
        requireSafePayoutVerifiers(deployed.aggregation, deployed.settlement, delay);
        bytes memory call = abi.encodeCall(CWEPayouts.setVerifiers, (deployed.aggregation, deployed.settlement));
        govern(timelock, true, payouts, call);
        if (delay == 0) govern(timelock, false, payouts, call);
    }
}
