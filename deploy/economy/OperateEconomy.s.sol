// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Timelock} from "../../bridge/src/Timelock.sol";
import {CWEIdentity} from "../../contracts/src/identity/CWEIdentity.sol";
import {ICWERegistry} from "../../contracts/src/interfaces/ICWERegistry.sol";
import {ICWETiers} from "../../contracts/src/interfaces/ICWETiers.sol";
import {ITreasury} from "../../contracts/src/interfaces/ITreasury.sol";
import {CWEPayouts} from "../../contracts/src/payouts/CWEPayouts.sol";
import {CWETiers} from "../../contracts/src/tiers/CWETiers.sol";
import {Treasury} from "../../contracts/src/treasury/Treasury.sol";
import {CWEConsumption} from "../../contracts/src/usage/CWEConsumption.sol";
import {EpochBeacon} from "../../contracts/src/usage/EpochBeacon.sol";
import {RegionRules} from "../../contracts/src/works/RegionRules.sol";
import {WorkRegistry} from "../../contracts/src/works/WorkRegistry.sol";
import {Governance} from "../lib/Governance.sol";
import {EconomyScript} from "./lib/EconomyScript.sol";
import {PayoutVerifiersDeployment} from "./lib/PayoutVerifiersDeployment.sol";
import {SplitVerifierDeployment} from "./lib/SplitVerifierDeployment.sol";

/// @title OperateEconomy
/// @notice Day-to-day operations on the deployment that `DeployEconomy` wrote to `deploy/out`. Settings go through the
/// timelock: run with `true` to schedule, and after the delay with `false` to execute.
///
///   forge script deploy/economy/OperateEconomy.s.sol --sig 'setIssuer(bool,address,uint8)' true 0x… 15 …
///   forge script deploy/economy/OperateEconomy.s.sol --sig 'setTier(bool,string,uint112,uint48,uint48)' \
///     true light 5000000000000000000 108000 3 …
///   forge script deploy/economy/OperateEconomy.s.sol --sig 'fixEpochKey(uint64)' 1 …
///   forge script deploy/economy/OperateEconomy.s.sol --sig 'settle(uint256)' 1 …
///   each with --rpc-url $L2_RPC --private-key $KEY --broadcast
contract OperateEconomy is EconomyScript, Governance, SplitVerifierDeployment, PayoutVerifiersDeployment {
    /// @notice Adds an issuer of the classes in the mask, or removes it (0). Governor to schedule, anybody to execute.
    function setIssuer(bool schedule, address issuer, uint8 classes) external {
        govern(schedule, economy("identity"), abi.encodeCall(CWEIdentity.setIssuer, (issuer, classes)));
    }

    /// @notice Adds or changes a tier: fee in CLN wei. Governor to schedule, anybody to execute.
    function setTier(bool schedule, string calldata name, uint112 fee, uint48 allowanceSecs, uint48 accessClasses)
        external
    {
        ICWETiers.Terms memory terms = ICWETiers.Terms(fee, allowanceSecs, accessClasses);
        govern(schedule, economy("tiers"), abi.encodeCall(CWETiers.setTerms, (tierId(name), terms)));
    }

    /// @notice Adds or changes a region rule. Governor to schedule, anybody to execute.
    function setRegionRule(bool schedule, string calldata name, uint32 factorPpm) external {
        govern(schedule, economy("regions"), abi.encodeCall(RegionRules.setRule, (ruleId(name), factorPpm)));
    }

    /// @notice Replaces the verifier of Split proofs. Governor to schedule, anybody to execute. One of a development setup
    /// is refused unless the timelock has no delay.
    function setSplitVerifier(bool schedule, address verifier) external {
        requireSafeSplitVerifier(verifier, Timelock(payable(economy("timelock"))).getMinDelay());
        govern(schedule, economy("consumption"), abi.encodeCall(CWEConsumption.setVerifier, (verifier)));
    }

    /// @notice Replaces the verifiers of payouts, zero for none. Governor to schedule, anybody to execute. Those of a
    /// development setup are refused unless the timelock has no delay.
    function setPayoutVerifiers(bool schedule, address aggregation, address settlement) external {
        uint256 delay = Timelock(payable(economy("timelock"))).getMinDelay();
        requireSafePayoutVerifiers(aggregation, settlement, delay);
        govern(schedule, economy("payouts"), abi.encodeCall(CWEPayouts.setVerifiers, (aggregation, settlement)));
    }

    /// @notice Blacklists a work or lifts that. Governor to schedule, anybody to execute.
    /// @param reason Hash of the decision.
    function setWorkStatus(bool schedule, bytes32 workId, ICWERegistry.Status status, bytes32 reason) external {
        govern(schedule, economy("registry"), abi.encodeCall(WorkRegistry.setStatus, (workId, status, reason)));
    }

    /// @notice Spends from a treasury account, in CLN wei. Governor to schedule, anybody to execute.
    /// @param purpose Hash of the decision.
    function spend(bool schedule, ITreasury.Account account, address payable recipient, uint256 amount, bytes32 purpose)
        external
    {
        govern(schedule, economy("treasury"), abi.encodeCall(Treasury.spend, (account, recipient, amount, purpose)));
    }

    /// @notice Fixes the key of an epoch that is over. Anybody.
    function fixEpochKey(uint64 epoch) external {
        EpochBeacon beacon = EpochBeacon(economy("beacon"));
        vm.broadcast();
        beacon.fix(epoch);
    }

    /// @notice Settles an epoch as proven. Anybody.
    function settle(uint256 epoch) external {
        CWEPayouts payouts = CWEPayouts(payable(economy("payouts")));
        vm.broadcast();
        payouts.settleEpoch(epoch);
    }

    function govern(bool schedule, address target, bytes memory call) internal {
        govern(Timelock(payable(economy("timelock"))), schedule, target, call);
    }
}
