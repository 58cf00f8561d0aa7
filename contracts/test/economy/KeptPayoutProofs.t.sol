// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {PayoutVerifiers, PayoutVerifiersDeployment} from "../../../deploy/economy/lib/PayoutVerifiersDeployment.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What both verifiers of payouts have.
interface IVerifier {
    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool);
}

/// @notice A kept aggregate and a kept settlement (prover/proof) of one epoch, which a real prover proved and an L2 took, against
/// the verifiers that devnets deploy; and changes of them.
contract KeptPayoutProofsTest is Test, PayoutVerifiersDeployment {
    /// @dev A precompile that is given a false point takes all gas: what is refused may cost this much.
    uint256 internal constant GAS = 2_000_000;
    uint256 internal constant WORD = 32;

    PayoutVerifiers internal deployed;

    function setUp() public {
        deployed = deployPayoutVerifiers();
    }

    function kept(string memory guest) internal view returns (bytes32 publicValue, bytes memory proof) {
        string memory json = vm.readFile(string.concat("prover/proof/", guest, ".proof.json"));
        return (vm.parseJsonBytes32(json, ".publicValue"), vm.parseJsonBytes(json, ".proof"));
    }

    /// Whether it is accepted; a revert is a refusal.
    function accepted(address verifier, bytes32 value, bytes memory proof) internal view returns (bool) {
        try IVerifier(verifier).verify{gas: GAS}(value, proof) returns (bool valid) {
            return valid;
        } catch {
            return false;
        }
    }

    function assertBinding(address verifier, bytes32 value, bytes memory proof) internal view {
        assertTrue(accepted(verifier, value, proof));
        assertFalse(accepted(verifier, value ^ bytes32(uint256(1)), proof), "another value");
        assertFalse(accepted(verifier, value, bytes.concat(proof, bytes1(0))), "longer");
        for (uint256 at = WORD - 1; at < proof.length; at += WORD) {
            bytes memory changed = bytes.concat(proof);
            changed[at] ^= 0x01;
            assertFalse(accepted(verifier, value, changed), vm.toString(at));
        }
    }

    function test_aProvenAggregateIsAcceptedAndNoChangeOfIt() public view {
        (bytes32 value, bytes memory proof) = kept(AGGREGATION_GUEST);
        assertBinding(deployed.aggregation, value, proof);
    }

    function test_aProvenSettlementIsAcceptedAndNoChangeOfIt() public view {
        (bytes32 value, bytes memory proof) = kept(SETTLEMENT_GUEST);
        assertBinding(deployed.settlement, value, proof);
    }

    function test_aSettlementIsNoAggregate() public view {
        (bytes32 value, bytes memory proof) = kept(SETTLEMENT_GUEST);
        assertFalse(accepted(deployed.aggregation, value, proof));
        assertFalse(accepted(deployed.aggregationProofs, value, proof));
    }

    function test_anAggregateIsNoSettlementNorABatchOfItsOwnProgram() public view {
        (bytes32 value, bytes memory proof) = kept(AGGREGATION_GUEST);
        assertFalse(accepted(deployed.settlement, value, proof));
        // Without its accumulator it shows nothing.
        assertFalse(accepted(deployed.aggregationProofs, value, proof));
    }
}
