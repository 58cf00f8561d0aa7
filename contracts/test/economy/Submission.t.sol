// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {EconomyConfig} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {SplitVerifierDeployment} from "../../../deploy/economy/lib/SplitVerifierDeployment.sol";
import {ICWEConsumption} from "../../src/interfaces/ICWEConsumption.sol";
import {ICWETiers} from "../../src/interfaces/ICWETiers.sol";
import {IEpochBeacon} from "../../src/interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../../src/interfaces/IEpochClock.sol";
import {SystemAddresses} from "../../src/libraries/SystemAddresses.sol";
import {CheapHash} from "../mocks/CheapHash.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";

/// @notice The kept real proof as a submission: the public inputs that `CWEConsumption` makes are the circuit's. Epoch,
/// its key and the subscriptions are those of the proof; tier, allowance and `k` are the deployment's.
abstract contract SubmissionFixture is EconomyFixture, SplitVerifierDeployment {
    uint64 internal constant EPOCH = 7;

    uint256[8] internal inputs;
    bytes internal proof;

    function setUp() public virtual override {
        super.setUp();
        EconomyConfig memory config = defaultConfig();
        config.splitVerifier = address(deploySplitVerifier());
        deployAll(config);
        string memory json = vm.readFile("test/vectors/split-proof.json");
        bytes32[] memory words = vm.parseJsonBytes32Array(json, ".inputs");
        for (uint256 i = 0; i < 8; ++i) {
            inputs[i] = uint256(words[i]);
        }
        proof = vm.parseJsonBytes(json, ".proof");
        assertEq(inputs[0], EPOCH);
        vm.mockCall(address(clock), abi.encodeCall(IEpochClock.submissionEpoch, ()), abi.encode(EPOCH));
        vm.mockCall(address(beacon), abi.encodeCall(IEpochBeacon.keyOf, (EPOCH)), abi.encode(inputs[1]));
        vm.mockCall(address(tiers), abi.encodeCall(ICWETiers.revenueOf, (EPOCH, LIGHT)), abi.encode(LIGHT_FEE, 2));
        vm.mockCall(address(tiers), abi.encodeCall(ICWETiers.revenueOf, (EPOCH, HEAVY)), abi.encode(HEAVY_FEE, 2));
        vm.mockCall(address(tiers), abi.encodeCall(ICWETiers.subscriptionRoot, (EPOCH)), abi.encode(inputs[5]));
    }
}

contract SubmissionTest is SubmissionFixture {
    function test_aRealProofIsTakenOnce() public {
        bytes32 nullifier = bytes32(inputs[6]);
        vm.expectEmit(address(consumption));
        emit ICWEConsumption.ConsumptionSubmitted(EPOCH, LIGHT, nullifier, 0, bytes32(inputs[7]));
        consumption.submitConsumption(nullifier, LIGHT, roots(inputs[7]), proof);
        assertTrue(consumption.isNullifierUsed(EPOCH, nullifier));
        bytes32[] memory list = roots(inputs[7]);
        vm.expectRevert(abi.encodeWithSelector(ICWEConsumption.NullifierUsed.selector, EPOCH, nullifier));
        consumption.submitConsumption(nullifier, LIGHT, list, proof);
    }

    function test_itIsAProofOfNothingElse() public {
        refuse(inputs[6] ^ 1, LIGHT, inputs[7], proof);
        refuse(inputs[6], HEAVY, inputs[7], proof);
        refuse(inputs[6], LIGHT, inputs[7] ^ 1, proof);
        refuse(inputs[6], LIGHT, inputs[7], bytes.concat(proof, hex"00"));
        refuse(inputs[6], LIGHT, inputs[7], "");
    }

    function test_itIsForOneEpochOneKeyAndOneRoot() public {
        vm.mockCall(address(beacon), abi.encodeCall(IEpochBeacon.keyOf, (EPOCH)), abi.encode(inputs[1] ^ 1));
        refuse(inputs[6], LIGHT, inputs[7], proof);
        vm.mockCall(address(beacon), abi.encodeCall(IEpochBeacon.keyOf, (EPOCH)), abi.encode(inputs[1]));
        vm.mockCall(address(tiers), abi.encodeCall(ICWETiers.subscriptionRoot, (EPOCH)), abi.encode(inputs[5] ^ 1));
        refuse(inputs[6], LIGHT, inputs[7], proof);
    }

    function refuse(uint256 nullifier, bytes32 tierId, uint256 notesRoot, bytes memory refused) internal {
        bytes32[] memory list = roots(notesRoot);
        vm.expectRevert(ICWEConsumption.ProofInvalid.selector);
        consumption.submitConsumption(bytes32(nullifier), tierId, list, refused);
    }
}

/// @notice Gas of a submission with its proof, as a whole transaction. Poseidon costs what the precompile costs.
/// forge-config: default.isolate = true
contract SubmissionGasTest is SubmissionFixture {
    function setUp() public override {
        super.setUp();
        vm.etch(SystemAddresses.POSEIDON, type(CheapHash).runtimeCode);
        vm.fee(1 gwei);
    }

    function test_gasOfASubmission() public {
        consumption.submitConsumption(bytes32(inputs[6]), LIGHT, roots(inputs[7]), proof);
        vm.snapshotGasLastCall("Economy", "submitConsumption, first of an epoch, with its proof");
        assertLe(vm.lastCallGas().gasTotalUsed, 1_200_000);
    }
}
