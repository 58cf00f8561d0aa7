// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IRollup} from "../src/interfaces/IRollup.sol";
import {KeptProofVerifier} from "./mocks/KeptProofVerifier.sol";
import {Fixture} from "./utils/Fixture.sol";
import {Halo2Fixture} from "./utils/Halo2Fixture.sol";

/// @notice What finality costs on L1. The kept proof was made for another chain, so its own value is checked in place of
/// the batch's; everything else is as it will be.
contract FinalityTest is Fixture, Halo2Fixture {
    /// @dev What provers may have to pay at most; the goal is 450 000.
    uint256 internal constant BUDGET = 530_000;

    KeptProofVerifier internal check;

    function setUp() public override {
        super.setUp();
        loadStateTransition();
        check = new KeptProofVerifier(batchVerifier, kept.publicValue);
        asOwner();
        rollup.setVerifier(address(check));
        IRollup.Batch memory first = commitNext();
        finalize(proveInput(first, first));
    }

    function finalize(IRollup.ProveInput memory input) internal {
        input.proof = kept.proof;
        vm.prank(prover);
        rollup.proveBatches(input);
    }

    /// Of a transaction: what it pays before its first instruction (EIP-2028, EIP-7623).
    function transactionGas(bytes memory data) internal pure returns (uint256 intrinsic, uint256 floor) {
        uint256 zeros;
        for (uint256 i = 0; i < data.length; ++i) {
            if (data[i] == 0) ++zeros;
        }
        uint256 tokens = zeros + 4 * (data.length - zeros);
        return (21_000 + 4 * tokens, 21_000 + 10 * tokens);
    }

    /// What asking about the kept value costs, which a rollup would not do.
    function detour() internal view returns (uint256 extra) {
        uint256 start = gasleft();
        check.verify(0, kept.proof);
        uint256 between = gasleft();
        batchVerifier.verify(kept.publicValue, kept.proof);
        return (start - between) - (between - gasleft());
    }

    function test_finalityOfABlobBatchWithinTheBudget() public {
        IRollup.Batch memory batch = commitBlobs(1);
        IRollup.ProveInput memory input = proveInput(batch, batch);
        input.openings[0] = openingsOf(1);
        input.proof = kept.proof;
        (uint256 intrinsic, uint256 floor) = transactionGas(abi.encodeCall(IRollup.proveBatches, (input)));
        vm.cool(address(rollup));
        vm.cool(address(inbox));
        vm.cool(address(batchVerifier));
        vm.cool(halo2);
        vm.prank(prover);
        rollup.proveBatches(input);
        uint256 execution = vm.snapshotGasLastCall("Rollup", "proveBatches, 1 blob, execution only");
        uint256 total = intrinsic + execution - detour();
        if (total < floor) total = floor;
        vm.snapshotValue("Rollup", "proveBatches, 1 blob, whole transaction", total);
        assertLe(total, BUDGET);
        assertEq(rollup.lastFinalizedBatch(), batch.batchIndex);
    }

    function test_anotherProofFinalizesNothing() public {
        IRollup.Batch memory batch = commitNext();
        IRollup.ProveInput memory input = proveInput(batch, batch);
        input.proof = withWord(kept.proof, LIMBS, wordAt(kept.proof, LIMBS) ^ 1);
        vm.prank(prover);
        vm.expectPartialRevert(IRollup.InvalidProof.selector);
        rollup.proveBatches{gas: GAS}(input);
    }
}
