// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {EconomyConfig} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {ICWEConsumption} from "../../src/interfaces/ICWEConsumption.sol";
import {Field} from "../../src/libraries/Field.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {PoseidonModel} from "../utils/PoseidonModel.sol";

contract ConsumptionTest is EconomyFixture {
    uint256[] internal leaves;

    function setUp() public override {
        super.setUp();
        subscribe(LIGHT, 1);
        subscribe(LIGHT, 2);
        subscribe(HEAVY, 3);
    }

    function refuse(uint256 nullifier, uint256 notesRoot, bytes memory refused) internal {
        vm.expectRevert(refused);
        consumption.submitConsumption(bytes32(nullifier), LIGHT, roots(notesRoot), "split");
    }

    function test_publicInputsAreTheEpochs() public {
        openSubmissions(1);
        uint256[8] memory inputs = consumption.publicInputs(1, LIGHT, bytes32(uint256(7)), bytes32(uint256(8)));
        assertEq(inputs[0], 1);
        assertEq(inputs[1], beacon.keyOf(1));
        assertEq(inputs[2], uint256(LIGHT));
        assertEq(inputs[3], 1800 minutes);
        assertEq(inputs[4], 1_000_000);
        assertEq(inputs[5], tiers.subscriptionRoot(1));
        assertEq(inputs[6], 7);
        assertEq(inputs[7], 8);
    }

    function test_submissionsFillTheNoteTree() public {
        openSubmissions(1);
        for (uint256 i = 0; i < 2; ++i) {
            leaves.push(100 + i);
            acceptSplit(1, LIGHT, 10 + i, 100 + i);
            vm.expectEmit(address(consumption));
            emit ICWEConsumption.ConsumptionSubmitted(1, LIGHT, bytes32(10 + i), i, bytes32(100 + i));
            consumption.submitConsumption(bytes32(10 + i), LIGHT, roots(100 + i), "split");
        }
        submit(1, HEAVY, 12, 102);
        leaves.push(102);
        assertEq(consumption.noteRoot(1), PoseidonModel.root(leaves));
        assertEq(consumption.submissionCount(1), 3);
        assertEq(consumption.submissionsOf(1, LIGHT), 2);
        assertEq(consumption.submissionsOf(1, HEAVY), 1);
        assertTrue(consumption.isNullifierUsed(1, bytes32(uint256(10))));
        assertFalse(consumption.isNullifierUsed(2, bytes32(uint256(10))));
    }

    function test_proofsThatDoNotHoldAreRefused() public {
        openSubmissions(1);
        refuse(10, 100, abi.encodeWithSelector(ICWEConsumption.ProofInvalid.selector));
        submit(1, LIGHT, 10, 100);
        // The proof is for these notes and this tier only.
        refuse(11, 100, abi.encodeWithSelector(ICWEConsumption.ProofInvalid.selector));
        bytes32[] memory list = roots(100);
        vm.expectRevert(ICWEConsumption.ProofInvalid.selector);
        consumption.submitConsumption(bytes32(uint256(11)), HEAVY, list, "split");
    }

    function test_oneSubmissionForANullifier() public {
        openSubmissions(1);
        submit(1, LIGHT, 10, 100);
        refuse(10, 100, abi.encodeWithSelector(ICWEConsumption.NullifierUsed.selector, 1, bytes32(uint256(10))));
        refuse(10, 101, abi.encodeWithSelector(ICWEConsumption.NullifierUsed.selector, 1, bytes32(uint256(10))));
    }

    function test_noMoreSubmissionsThanSubscribers() public {
        openSubmissions(1);
        submit(1, LIGHT, 10, 100);
        submit(1, LIGHT, 11, 101);
        refuse(12, 102, abi.encodeWithSelector(ICWEConsumption.TierExhausted.selector, 1, LIGHT, 2));
        bytes32[] memory list = roots(102);
        vm.expectRevert(abi.encodeWithSelector(ICWEConsumption.TierExhausted.selector, 1, bytes32("none"), 0));
        consumption.submitConsumption(bytes32(uint256(12)), "none", list, "split");
    }

    function test_inputsAreCanonicalFieldElements() public {
        openSubmissions(1);
        uint256[2] memory bad = [uint256(0), Field.MODULUS];
        for (uint256 i = 0; i < 2; ++i) {
            refuse(bad[i], 100, abi.encodeWithSelector(Field.NotAFieldElement.selector, bad[i]));
            refuse(10, bad[i], abi.encodeWithSelector(Field.NotAFieldElement.selector, bad[i]));
        }
        // An alias of a used nullifier is no new nullifier.
        submit(1, LIGHT, 10, 100);
        refuse(Field.MODULUS + 10, 100, abi.encodeWithSelector(Field.NotAFieldElement.selector, Field.MODULUS + 10));
    }

    function test_exactlyOneCommitmentIsTaken() public {
        openSubmissions(1);
        for (uint256 count = 0; count <= 2; count += 2) {
            vm.expectRevert(abi.encodeWithSelector(ICWEConsumption.CommitmentCountInvalid.selector, count));
            consumption.submitConsumption(bytes32(uint256(1)), LIGHT, new bytes32[](count), "");
        }
    }

    function test_submissionsHaveTheirWindow() public {
        refuse(10, 100, abi.encodeWithSelector(ICWEConsumption.SubmissionsClosed.selector));
        endEpoch(1);
        refuse(10, 100, abi.encodeWithSelector(ICWEConsumption.EpochKeyMissing.selector, 1));
        relayL1Block();
        beacon.fix(1);
        submit(1, LIGHT, 10, 100);
        vm.warp(clock.windowsOf(1).submissionEndsAt);
        refuse(11, 101, abi.encodeWithSelector(ICWEConsumption.SubmissionsClosed.selector));
    }

    function test_withoutVerifierNothingIsTaken() public {
        EconomyConfig memory config = defaultConfig();
        config.splitVerifier = address(0);
        deployAll(config);
        subscribe(LIGHT, 1);
        endEpoch(1);
        assertEq(consumption.verifier(), address(0));
        refuse(10, 100, abi.encodeWithSelector(ICWEConsumption.VerifierNotSet.selector));
    }

    function test_onlyGovernanceSetsTheVerifier() public {
        vm.expectRevert(notOwner(address(this)));
        consumption.setVerifier(address(1));
        asOwner();
        consumption.setVerifier(address(1));
        assertEq(consumption.verifier(), address(1));
        vm.expectRevert(Governed.ZeroAddress.selector);
        asOwner();
        consumption.setVerifier(address(0));
    }
}
