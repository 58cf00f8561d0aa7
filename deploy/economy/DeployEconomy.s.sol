// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWETiers} from "../../contracts/src/interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../../contracts/src/interfaces/IEconomyParameters.sol";
import {IEpochClock} from "../../contracts/src/interfaces/IEpochClock.sol";
import {EconomyAddresses, EconomyConfig, EconomyDeployment} from "./lib/EconomyDeployment.sol";
import {IssuerConfig, RuleConfig, TierConfig} from "./lib/EconomyDeployment.sol";
import {EconomyScript} from "./lib/EconomyScript.sol";
import {PayoutVerifiers, PayoutVerifiersDeployment} from "./lib/PayoutVerifiersDeployment.sol";
import {SplitVerifierDeployment} from "./lib/SplitVerifierDeployment.sol";
import {console} from "forge-std/console.sol";

/// @title DeployEconomy
/// @notice Deploys the economy on an L2 and writes its addresses to `deploy/out/economy-<L2 chain id>.json`.
///
/// `ECONOMY_CONFIG`: a file below `deploy/`, see `deploy/economy/config/`. A `startsAt` of 0 stands for now;
/// `deploySplitVerifier` deploys the repository's verifier of Split proofs, instead of the one at `splitVerifier`, and
/// `deployPayoutVerifiers` those of aggregates and settlements, instead of the two that are named.
///
///   forge script deploy/economy/DeployEconomy.s.sol --rpc-url $L2_RPC --private-key $KEY --broadcast --slow
contract DeployEconomy is EconomyScript, SplitVerifierDeployment, PayoutVerifiersDeployment {
    /// @notice A configuration without somebody to govern would be nobody's for ever.
    error NoGovernor();
    /// @notice Name a `splitVerifier` or ask for a new one, not both.
    error SplitVerifierGivenTwice(address verifier);
    /// @notice Name the verifiers of payouts or ask for new ones, not both.
    error PayoutVerifiersGivenTwice(address aggregation, address settlement);

    function run() external returns (EconomyAddresses memory deployed) {
        string memory file = vm.envOr("ECONOMY_CONFIG", string("deploy/economy/config/devnet.json"));
        string memory json = vm.readFile(file);
        EconomyConfig memory config = readConfig(json);
        if (config.governor == address(0)) revert NoGovernor();
        vm.startBroadcast();
        if (wantsSplitVerifier(json, config)) config.splitVerifier = address(deploySplitVerifier());
        if (wantsPayoutVerifiers(json, config)) {
            PayoutVerifiers memory verifiers = deployPayoutVerifiers();
            (config.aggregationVerifier, config.settlementVerifier) = (verifiers.aggregation, verifiers.settlement);
        }
        (, address deployer,) = vm.readCallers();
        uint256 payoutsNonce = vm.getNonce(deployer) + EconomyDeployment.PAYOUTS_NONCE_OFFSET;
        deployed = EconomyDeployment.run(config, deployer, vm.computeCreateAddress(deployer, payoutsNonce));
        vm.stopBroadcast();
        writeAddresses(deployed);
        if (config.splitVerifier == address(0)) {
            console.log("No Split verifier: no submissions are taken.");
        } else {
            requireSafeSplitVerifier(config.splitVerifier, config.timelockDelay);
            console.log("SplitVerifier", config.splitVerifier);
        }
        requireSafePayoutVerifiers(config.aggregationVerifier, config.settlementVerifier, config.timelockDelay);
        if (config.settlementVerifier == address(0)) console.log("No settlement verifier: nothing is paid out.");
    }

    /// @notice The configuration from its JSON text.
    function readConfig(string memory json) public view returns (EconomyConfig memory config) {
        config.governor = vm.parseJsonAddress(json, ".governor");
        config.timelockDelay = vm.parseJsonUint(json, ".timelockDelay");
        config.startsAt = uint48(vm.parseJsonUint(json, ".startsAt"));
        if (config.startsAt == 0) config.startsAt = uint48(block.timestamp);
        config.schedule = IEpochClock.Schedule({
            lengthSecs: uint40(vm.parseJsonUint(json, ".schedule.lengthSecs")),
            submissionSecs: uint40(vm.parseJsonUint(json, ".schedule.submissionSecs")),
            revealSecs: uint40(vm.parseJsonUint(json, ".schedule.revealSecs")),
            aggregationSecs: uint40(vm.parseJsonUint(json, ".schedule.aggregationSecs"))
        });
        config.beaconDelay = uint64(vm.parseJsonUint(json, ".beaconDelay"));
        config.claimDelaySecs = uint64(vm.parseJsonUint(json, ".claimDelaySecs"));
        config.parameters = IEconomyParameters.Parameters({
            ecoPpm: uint32(vm.parseJsonUint(json, ".parameters.ecoPpm")),
            infraPpm: uint32(vm.parseJsonUint(json, ".parameters.infraPpm")),
            diminishingPpm: uint32(vm.parseJsonUint(json, ".parameters.diminishingPpm")),
            minReveals: uint32(vm.parseJsonUint(json, ".parameters.minReveals")),
            halfLife: vm.parseJsonBool(json, ".parameters.halfLife")
        });
        config.tiers = readTiers(json);
        config.rules = readRules(json);
        config.issuers = readIssuers(json);
        config.splitVerifier = vm.parseJsonAddress(json, ".splitVerifier");
        config.aggregationVerifier = vm.parseJsonAddress(json, ".aggregationVerifier");
        config.settlementVerifier = vm.parseJsonAddress(json, ".settlementVerifier");
    }

    /// @notice Whether a verifier of Split proofs is to be deployed.
    function wantsSplitVerifier(string memory json, EconomyConfig memory config) public pure returns (bool wanted) {
        wanted = vm.parseJsonBool(json, ".deploySplitVerifier");
        if (wanted && config.splitVerifier != address(0)) revert SplitVerifierGivenTwice(config.splitVerifier);
    }

    /// @notice Whether verifiers of aggregates and settlements are to be deployed.
    function wantsPayoutVerifiers(string memory json, EconomyConfig memory config) public pure returns (bool wanted) {
        wanted = vm.parseJsonBool(json, ".deployPayoutVerifiers");
        if (wanted && (config.aggregationVerifier != address(0) || config.settlementVerifier != address(0))) {
            revert PayoutVerifiersGivenTwice(config.aggregationVerifier, config.settlementVerifier);
        }
    }

    function readTiers(string memory json) internal pure returns (TierConfig[] memory tiers) {
        string[] memory ids = vm.parseJsonStringArray(json, ".tiers.ids");
        uint256[] memory fees = vm.parseJsonUintArray(json, ".tiers.fees");
        uint256[] memory allowances = vm.parseJsonUintArray(json, ".tiers.allowanceSecs");
        uint256[] memory classes = vm.parseJsonUintArray(json, ".tiers.accessClasses");
        tiers = new TierConfig[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            tiers[i].id = tierId(ids[i]);
            tiers[i].terms = ICWETiers.Terms(uint112(fees[i]), uint48(allowances[i]), uint48(classes[i]));
        }
    }

    function readRules(string memory json) internal pure returns (RuleConfig[] memory rules) {
        string[] memory names = vm.parseJsonStringArray(json, ".regions.rules");
        uint256[] memory factors = vm.parseJsonUintArray(json, ".regions.factorsPpm");
        rules = new RuleConfig[](names.length);
        for (uint256 i = 0; i < names.length; ++i) {
            rules[i] = RuleConfig(ruleId(names[i]), uint32(factors[i]));
        }
    }

    function readIssuers(string memory json) internal pure returns (IssuerConfig[] memory issuers) {
        address[] memory accounts = vm.parseJsonAddressArray(json, ".issuers.accounts");
        uint256[] memory classes = vm.parseJsonUintArray(json, ".issuers.classes");
        issuers = new IssuerConfig[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            issuers[i] = IssuerConfig(accounts[i], uint8(classes[i]));
        }
    }

    function writeAddresses(EconomyAddresses memory deployed) internal {
        string memory key = "economy";
        vm.serializeUint(key, "l2ChainId", block.chainid);
        vm.serializeAddress(key, "timelock", deployed.timelock);
        vm.serializeAddress(key, "clock", deployed.clock);
        vm.serializeAddress(key, "beacon", deployed.beacon);
        vm.serializeAddress(key, "parameters", deployed.parameters);
        vm.serializeAddress(key, "regions", deployed.regions);
        vm.serializeAddress(key, "identity", deployed.identity);
        vm.serializeAddress(key, "creators", deployed.creators);
        vm.serializeAddress(key, "registry", deployed.registry);
        vm.serializeAddress(key, "splitPay", deployed.splitPay);
        vm.serializeAddress(key, "escrow", deployed.escrow);
        vm.serializeAddress(key, "directSale", deployed.directSale);
        vm.serializeAddress(key, "treasury", deployed.treasury);
        vm.serializeAddress(key, "tiers", deployed.tiers);
        vm.serializeAddress(key, "consumption", deployed.consumption);
        vm.serializeAddress(key, "payouts", deployed.payouts);
        string memory json = vm.serializeAddress(key, "refunds", deployed.refunds);
        vm.createDir("deploy/out", true);
        vm.writeJson(json, addressesFile());
        console.log(json);
    }
}
