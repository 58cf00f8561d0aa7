// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {DeployL1} from "../../deploy/DeployL1.s.sol";
import {DeployVerifier} from "../../deploy/DeployVerifier.s.sol";
import {L1Config} from "../../deploy/lib/L1Deployment.sol";
import {VerifierConfig, VerifierDeployment} from "../../deploy/lib/VerifierDeployment.sol";
import {BatchVerifier} from "../src/BatchVerifier.sol";
import {Test} from "forge-std/Test.sol";

contract DeployTest is Test {
    string internal constant GENESIS = "deploy/config/genesis.example.json";
    string internal constant DEVNET = "deploy/config/devnet.json";
    string internal constant PRODUCTION = "deploy/config/production.example.json";

    DeployL1 internal script;

    function setUp() public {
        script = new DeployL1();
    }

    function test_configurationIsReadFromItsFiles() public view {
        L1Config memory config = script.readConfig(vm.readFile(DEVNET), vm.readFile(GENESIS));
        assertEq(config.governor, 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266);
        assertEq(config.timelockDelay, 0);
        assertEq(config.forceAfter, 1 days);
        assertEq(config.openAfter, 7 days);
        assertEq(config.genesis.l2ChainId, 3086);
        assertEq(config.genesis.blockHash, bytes32(type(uint256).max / 15));
    }

    function test_productionPromisesThirtyDays() public view {
        L1Config memory config = script.readConfig(vm.readFile(PRODUCTION), vm.readFile(GENESIS));
        assertEq(config.timelockDelay, 30 days);
    }

    function test_mainnetRefusesAShortTimelock() public {
        L1Config memory config = script.readConfig(vm.readFile(DEVNET), vm.readFile(GENESIS));
        script.check(config);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DeployL1.TimelockTooShort.selector, 0, 30 days));
        script.check(config);
    }

    function test_unfilledConfigurationIsRefused() public {
        string memory json = vm.readFile(DEVNET);
        json = vm.replace(json, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", vm.toString(address(0)));
        L1Config memory config = script.readConfig(json, vm.readFile(GENESIS));
        vm.expectRevert(DeployL1.RoleMissing.selector);
        script.check(config);
    }

    function test_verifierPinsWhatTheRepositoryKeeps() public {
        DeployVerifier deployment = new DeployVerifier();
        (address halo2, address deployed) = deployment.run();
        VerifierConfig memory config = deployment.readVerifier(
            vm.readFile("prover/elf/commitments.json"), vm.readFile("bridge/src/generated/halo2-verifier.json")
        );
        BatchVerifier verifier = BatchVerifier(deployed);
        assertEq(halo2.code, vm.getDeployedCode("Halo2Verifier.sol:Halo2Verifier"));
        assertEq(verifier.halo2Verifier(), halo2);
        assertEq(verifier.exeCommitment(), config.exe);
        assertEq(verifier.vmCommitment(), config.vmCommitment);
        assertEq(verifier.commitments(), config.commitments);
        assertEq(verifier.evaluations(), config.evaluations);
        assertEq(verifier.srs(), config.srs);
    }

    function test_mainnetRefusesADevelopmentSetup() public {
        BatchVerifier unsafe_ =
            new BatchVerifier(address(this), bytes32(uint256(1)), bytes32(uint256(2)), 1, 1, "unsafe-dev");
        BatchVerifier ceremony =
            new BatchVerifier(address(this), bytes32(uint256(1)), bytes32(uint256(2)), 1, 1, "ptau-00");
        script.requireSafe(unsafe_);
        vm.chainId(1);
        script.requireSafe(ceremony);
        vm.expectRevert(abi.encodeWithSelector(VerifierDeployment.UnsafeSrs.selector, "unsafe-dev"));
        script.requireSafe(unsafe_);
    }
}
