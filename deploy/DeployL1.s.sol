// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../bridge/src/BatchVerifier.sol";
import {IRollup} from "../bridge/src/interfaces/IRollup.sol";
import {L1Addresses, L1Config, L1Deployment} from "./lib/L1Deployment.sol";
import {VerifierDeployment} from "./lib/VerifierDeployment.sol";
import {console} from "forge-std/console.sol";

/// @title DeployL1
/// @notice Deploys the L1 contracts and writes their addresses to `deploy/out/<L1 chain id>.json`.
///
/// `DEPLOY_CONFIG`: roles and windows, see `deploy/config/`. Its `verifier` is the address of one that exists, or zero;
/// with `deployVerifier` the kept program's is deployed too. `GENESIS_FILE`: the L2 genesis as the CLI writes it:
/// `{"chainId", "timestamp", "genesisBlockHash", "stateRoot", "withdrawalRoot"}`. Both below `deploy/`.
///
///   forge script deploy/DeployL1.s.sol --rpc-url $L1_RPC --private-key $KEY --broadcast
contract DeployL1 is VerifierDeployment {
    /// @notice Seconds; the exit window that production promises.
    uint256 internal constant PRODUCTION_DELAY = 30 days;

    /// @notice On Ethereum mainnet a timelock shorter than the exit window is refused.
    error TimelockTooShort(uint256 given, uint256 minimum);
    /// @notice Name a `verifier` or ask for a new one, not both.
    error VerifierGivenTwice(address verifier);
    /// @notice The configuration leaves the governor, attester or minter at zero (the contracts check the others).
    error RoleMissing();

    function run() external returns (L1Addresses memory deployed) {
        string memory json = vm.readFile(vm.envOr("DEPLOY_CONFIG", string("deploy/config/devnet.json")));
        L1Config memory config = readConfig(json, vm.readFile(vm.envString("GENESIS_FILE")));
        check(config);
        bool newVerifier = vm.parseJsonBool(json, ".deployVerifier");
        if (newVerifier && config.verifier != address(0)) revert VerifierGivenTwice(config.verifier);
        vm.startBroadcast();
        if (newVerifier) config.verifier = address(deployVerifier());
        (, address deployer,) = vm.readCallers();
        uint256 bridgeNonce = vm.getNonce(deployer) + L1Deployment.BRIDGE_NONCE_OFFSET;
        deployed = L1Deployment.run(config, vm.computeCreateAddress(deployer, bridgeNonce));
        vm.stopBroadcast();
        writeAddresses(deployed, config.verifier);
        if (config.verifier == address(0)) console.log("No verifier: batches can be committed, nothing is finalized.");
    }

    /// @notice Refuses what the contracts cannot refuse themselves.
    function check(L1Config memory config) public view {
        if (config.governor == address(0) || config.attester == address(0) || config.minter == address(0)) {
            revert RoleMissing();
        }
        if (block.chainid == ETHEREUM_MAINNET && config.timelockDelay < PRODUCTION_DELAY) {
            revert TimelockTooShort(config.timelockDelay, PRODUCTION_DELAY);
        }
        if (config.verifier != address(0)) requireSafe(BatchVerifier(config.verifier));
    }

    /// @notice The configuration from its two JSON texts.
    function readConfig(string memory json, string memory genesis) public pure returns (L1Config memory config) {
        config.governor = vm.parseJsonAddress(json, ".governor");
        config.timelockDelay = vm.parseJsonUint(json, ".timelockDelay");
        config.sequencer = vm.parseJsonAddress(json, ".sequencer");
        config.guardian = vm.parseJsonAddress(json, ".guardian");
        config.attester = vm.parseJsonAddress(json, ".attester");
        config.minter = vm.parseJsonAddress(json, ".minter");
        config.feeCollector = vm.parseJsonAddress(json, ".feeCollector");
        config.messageGasPrice = vm.parseJsonUint(json, ".messageGasPrice");
        config.forceAfter = uint32(vm.parseJsonUint(json, ".forceAfter"));
        config.openAfter = uint32(vm.parseJsonUint(json, ".openAfter"));
        config.verifier = vm.parseJsonAddress(json, ".verifier");
        config.genesis = IRollup.Genesis({
            l2ChainId: uint64(vm.parseJsonUint(genesis, ".chainId")),
            timestamp: uint64(vm.parseJsonUint(genesis, ".timestamp")),
            blockHash: vm.parseJsonBytes32(genesis, ".genesisBlockHash"),
            stateRoot: vm.parseJsonBytes32(genesis, ".stateRoot"),
            withdrawalRoot: vm.parseJsonBytes32(genesis, ".withdrawalRoot")
        });
    }

    function writeAddresses(L1Addresses memory deployed, address verifier) internal {
        string memory key = "addresses";
        vm.serializeUint(key, "l1ChainId", block.chainid);
        vm.serializeAddress(key, "timelock", deployed.timelock);
        vm.serializeAddress(key, "cln", deployed.cln);
        vm.serializeAddress(key, "inbox", deployed.inbox);
        vm.serializeAddress(key, "rollup", deployed.rollup);
        vm.serializeAddress(key, "verifier", verifier);
        string memory json = vm.serializeAddress(key, "bridge", deployed.bridge);
        vm.createDir("deploy/out", true);
        vm.writeJson(json, string.concat("deploy/out/", vm.toString(block.chainid), ".json"));
        console.log(json);
    }
}
