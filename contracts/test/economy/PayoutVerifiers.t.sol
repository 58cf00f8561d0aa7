// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../../bridge/src/BatchVerifier.sol";
import {Timelock} from "../../../bridge/src/Timelock.sol";
import {DeployEconomy} from "../../../deploy/economy/DeployEconomy.s.sol";
import {DeployPayoutVerifiers} from "../../../deploy/economy/DeployPayoutVerifiers.s.sol";
import {EconomyConfig} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {
    PayoutVerifiers,
    PayoutVerifiersDeployment,
    RevealKeyConfig
} from "../../../deploy/economy/lib/PayoutVerifiersDeployment.sol";
import {CWEPayouts} from "../../src/payouts/CWEPayouts.sol";
import {AggregationVerifier} from "../../src/usage/AggregationVerifier.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";

/// @notice The verifiers of aggregates and settlements as scripts deploy and set them.
contract PayoutVerifiersTest is EconomyFixture, PayoutVerifiersDeployment {
    string internal constant PROGRAMS = "{\"vm\": \"0000000000000000000000000000000000000000000000000000000000000001\","
        "\"guests\": {"
        "\"aggregation\": {\"exe\": \"0000000000000000000000000000000000000000000000000000000000000002\"},"
        "\"settlement\": {\"exe\": \"0000000000000000000000000000000000000000000000000000000000000003\"}}}";
    string internal constant UNSAFE_LAYOUT = "{\"srs\": \"unsafe-test\", \"commitments\": 13, \"evaluations\": 32}";
    string internal constant SAFE_LAYOUT = "{\"srs\": \"ptau-test\", \"commitments\": 13, \"evaluations\": 32}";
    string internal constant KEY_POINT = "\"keyHash\": \"0x00000000000000000000000000000000000000000000000000000000000000aa\","
        "\"sG2\": [" "\"0x203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79\","
        "\"0x27dc7234fd11d3e8c36c59277c3e6f149d5cd3cfa9a62aee49f8130962b4b3b9\","
        "\"0x195e8aa5b7827463722b8c153931579d3505566b4edf48d498e185f0509de152\","
        "\"0x04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e\"]}";
    string internal constant UNSAFE_KEY = string.concat("{\"srs\": \"unsafe-test\",", KEY_POINT);
    string internal constant SAFE_KEY = string.concat("{\"srs\": \"ptau-test\",", KEY_POINT);

    function deployUnsafe() internal returns (PayoutVerifiers memory) {
        return deployPayoutVerifiers(PROGRAMS, UNSAFE_LAYOUT, UNSAFE_KEY);
    }

    function deploySafe() internal returns (PayoutVerifiers memory) {
        return deployPayoutVerifiers(PROGRAMS, SAFE_LAYOUT, SAFE_KEY);
    }

    function assertPins(address account, address halo2, uint256 program) internal view {
        BatchVerifier pinned = BatchVerifier(account);
        assertEq(pinned.halo2Verifier(), halo2);
        assertEq(pinned.exeCommitment(), bytes32(program));
        assertEq(pinned.vmCommitment(), bytes32(uint256(1)));
        assertEq(pinned.commitments(), 13);
        assertEq(pinned.evaluations(), 32);
        assertEq(pinned.srs(), "unsafe-test");
    }

    function assertSet(PayoutVerifiers memory expected) internal view {
        (address aggregation, address settlement) = payouts.verifiers();
        assertEq(aggregation, expected.aggregation);
        assertEq(settlement, expected.settlement);
    }

    /* deployment */

    function test_eachVerifierPinsItsProgram() public {
        PayoutVerifiers memory deployed = deployUnsafe();
        string memory kept = vm.readFile(string.concat(BYTECODES, "Halo2Verifier.json"));
        assertEq(deployed.halo2Verifier.code, vm.parseJsonBytes(kept, ".deployedBytecode"));
        assertPins(deployed.aggregationProofs, deployed.halo2Verifier, 2);
        assertPins(deployed.settlement, deployed.halo2Verifier, 3);
        AggregationVerifier aggregation = AggregationVerifier(deployed.aggregation);
        assertEq(address(aggregation.proofs()), deployed.aggregationProofs);
        assertEq(aggregation.revealKeyHash(), bytes32(uint256(0xaa)));
        assertEq(aggregation.srs(), "unsafe-test");
        RevealKeyConfig memory key = readRevealKey(UNSAFE_KEY);
        assertEq(abi.encode(aggregation.sG2()), abi.encode(key.sG2));
        assertEq(key.sG2[0], 0x203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79);
        assertEq(key.sG2[3], 0x04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e);
    }

    function test_aPointOfTheSecondGroupIsFourWords() public {
        string memory json =
            "{\"srs\": \"unsafe-test\", \"keyHash\": \"0x00000000000000000000000000000000000000000000000000000000000000aa\", \"sG2\": [\"0x01\", \"0x02\", \"0x03\"]}";
        vm.expectRevert(abi.encodeWithSelector(RevealKeyMalformed.selector, 3));
        this.readRevealKey(json);
    }

    function test_anUnsafeReferenceStringIsForTimelocksWithoutDelayOnly() public {
        PayoutVerifiers memory unsafe = deployUnsafe();
        PayoutVerifiers memory safe = deploySafe();
        requireSafePayoutVerifiers(unsafe.aggregation, unsafe.settlement, 0);
        requireSafePayoutVerifiers(safe.aggregation, safe.settlement, 30 days);
        requireSafePayoutVerifiers(address(0), address(0), 30 days);
        vm.expectRevert(abi.encodeWithSelector(UnsafePayoutVerifier.selector, unsafe.aggregation, 1));
        this.requireSafePayoutVerifiers(unsafe.aggregation, safe.settlement, 1);
        vm.expectRevert(abi.encodeWithSelector(UnsafePayoutVerifier.selector, unsafe.settlement, 1));
        this.requireSafePayoutVerifiers(safe.aggregation, unsafe.settlement, 1);
        // Half safe is not safe: who can prove any output of the program needs no Reveal proofs.
        address half = deployPayoutVerifiers(PROGRAMS, UNSAFE_LAYOUT, SAFE_KEY).aggregation;
        vm.expectRevert(abi.encodeWithSelector(UnsafePayoutVerifier.selector, half, 1));
        this.requireSafePayoutVerifiers(half, safe.settlement, 1);
    }

    /* setting */

    function redeploy(uint256 timelockDelay) internal returns (DeployPayoutVerifiers script) {
        EconomyConfig memory config = defaultConfig();
        // Who broadcasts in a test.
        (,, address broadcaster) = vm.readCallers();
        (config.governor, config.timelockDelay) = (broadcaster, timelockDelay);
        deployAll(config);
        script = new DeployPayoutVerifiers();
    }

    function test_withoutADelayTheyAreSetAtOnce() public {
        DeployPayoutVerifiers script = redeploy(0);
        PayoutVerifiers memory deployed = deployUnsafe();
        script.install(Timelock(payable(timelock)), address(payouts), deployed);
        assertSet(deployed);
    }

    function test_withADelayTheyAreScheduled() public {
        DeployPayoutVerifiers script = redeploy(30 days);
        PayoutVerifiers memory deployed = deploySafe();
        script.install(Timelock(payable(timelock)), address(payouts), deployed);
        bytes memory call = abi.encodeCall(CWEPayouts.setVerifiers, (deployed.aggregation, deployed.settlement));
        (address before,) = payouts.verifiers();
        assertEq(before, address(verifier));
        skip(30 days);
        Timelock(payable(timelock)).execute(address(payouts), 0, call, 0, 0);
        assertSet(deployed);
    }

    function test_withADelayADevelopmentSetupIsNotEvenScheduled() public {
        DeployPayoutVerifiers script = redeploy(1);
        PayoutVerifiers memory deployed = deployUnsafe();
        vm.expectRevert(abi.encodeWithSelector(UnsafePayoutVerifier.selector, deployed.aggregation, 1));
        script.install(Timelock(payable(timelock)), address(payouts), deployed);
    }

    /* the deployment's configuration */

    function test_verifiersAreGivenOrDeployedNotBoth() public {
        DeployEconomy script = new DeployEconomy();
        string memory json = vm.readFile("deploy/economy/config/production.example.json");
        EconomyConfig memory config = script.readConfig(json);
        assertFalse(script.wantsPayoutVerifiers(json, config));
        json = vm.replace(json, "\"deployPayoutVerifiers\": false", "\"deployPayoutVerifiers\": true");
        assertTrue(script.wantsPayoutVerifiers(json, config));
        config.settlementVerifier = address(1);
        vm.expectRevert(
            abi.encodeWithSelector(DeployEconomy.PayoutVerifiersGivenTwice.selector, address(0), address(1))
        );
        script.wantsPayoutVerifiers(json, config);
    }
}
