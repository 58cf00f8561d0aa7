// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {L1Config} from "../../deploy/lib/L1Deployment.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {MockVerifier} from "./mocks/MockVerifier.sol";
import {Fixture} from "./utils/Fixture.sol";

contract RollupProveTest is Fixture {
    function expectProveRevert(IRollup.ProveInput memory input, bytes memory reason) internal {
        vm.expectRevert(reason);
        vm.prank(prover);
        rollup.proveBatches(input);
    }

    function acceptFor(IRollup.ProveInput memory input, address prover_) internal returns (bytes32 publicValue) {
        bytes32[] memory hashes = storedHashes(input.first.batchIndex, input.last.batchIndex);
        publicValue = publicValueOf(input, hashes, prover_);
        verifier.accept(publicValue, input.proof);
    }

    function test_proofFinalizesARunOfBatches() public {
        IRollup.Batch memory one = commitNext();
        commitNext();
        IRollup.Batch memory three = commitNext();
        vm.warp(block.timestamp + 100);
        IRollup.ProveInput memory input = proveInput(one, three);
        acceptFor(input, prover);
        vm.expectEmit(address(rollup));
        emit IRollup.BatchesFinalized(1, 3, three.blockHash, three.stateRoot, three.withdrawalRoot, prover);
        vm.prank(prover);
        rollup.proveBatches(input);
        assertEq(rollup.lastFinalizedBatch(), 3);
        assertEq(rollup.lastFinalizedAt(), block.timestamp);
        assertEq(rollup.finalizedWithdrawalRoot(3), three.withdrawalRoot);
        assertEq(rollup.finalizedWithdrawalRoot(2), 0, "only the end of a run has a root");
    }

    function test_finalityFollowsProcessedMessages() public {
        send(21_000);
        IRollup.Batch memory one = commitNext();
        send(21_000);
        commitNext();
        proveOne(one);
        assertEq(rollup.nextUnfinalizedMessage(), 1);
        assertEq(rollup.nextMessage(), 2);
    }

    function test_nothingIsFinalizedWithoutAVerifier() public {
        L1Config memory config = defaultConfig();
        config.verifier = address(0);
        deployAll(config);
        IRollup.Batch memory one = commitNext();
        expectProveRevert(proveInput(one, one), abi.encodeWithSelector(IRollup.VerifierNotSet.selector));
        vm.warp(block.timestamp + 365 days);
        assertFalse(rollup.isOpen(), "without a verifier there is nothing to be open for");
        assertEq(rollup.lastFinalizedBatch(), 0);
    }

    function test_refusedProofFinalizesNothing() public {
        IRollup.Batch memory one = commitNext();
        IRollup.ProveInput memory input = proveInput(one, one);
        bytes32 publicValue = publicValueOf(input, storedHashes(1, 1), prover);
        expectProveRevert(input, abi.encodeWithSelector(IRollup.InvalidProof.selector, publicValue));
        acceptFor(input, prover);
        input.proof = "another proof";
        expectProveRevert(input, abi.encodeWithSelector(IRollup.InvalidProof.selector, publicValue));
        assertEq(rollup.lastFinalizedBatch(), 0);
    }

    function test_proofCannotBeStolenByAnotherProver() public {
        IRollup.Batch memory one = commitNext();
        IRollup.ProveInput memory input = proveInput(one, one);
        acceptFor(input, prover);
        bytes32 thiefValue = publicValueOf(input, storedHashes(1, 1), alice);
        vm.expectRevert(abi.encodeWithSelector(IRollup.InvalidProof.selector, thiefValue));
        vm.prank(alice);
        rollup.proveBatches(input);
    }

    function test_proofCannotBeReplayed() public {
        IRollup.Batch memory one = commitNext();
        IRollup.ProveInput memory input = proveInput(one, one);
        prove(input);
        expectProveRevert(input, abi.encodeWithSelector(IRollup.ProofRangeInvalid.selector, 1, 1, 1, 1));
    }

    function test_proofRangeMustContinueFinalityWithinCommittedBatches() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitNext();
        expectProveRevert(proveInput(two, two), abi.encodeWithSelector(IRollup.ProofRangeInvalid.selector, 2, 2, 0, 2));
        expectProveRevert(
            proveInput(genesisBatch, two), abi.encodeWithSelector(IRollup.ProofRangeInvalid.selector, 0, 2, 0, 2)
        );
        IRollup.Batch memory three = two;
        three.batchIndex = 3;
        expectProveRevert(
            proveInput(one, three), abi.encodeWithSelector(IRollup.ProofRangeInvalid.selector, 1, 3, 0, 2)
        );
    }

    function test_revertedBatchCannotBeProven() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitNext();
        vm.prank(sequencer);
        rollup.revertBatches(one);
        expectProveRevert(proveInput(one, two), abi.encodeWithSelector(IRollup.ProofRangeInvalid.selector, 1, 2, 0, 1));
    }

    function test_longerProofSurvivesFinalityMovingOn() public {
        IRollup.Batch memory one = commitNext();
        commitNext();
        IRollup.Batch memory three = commitNext();
        IRollup.ProveInput memory all = proveInput(one, three);
        acceptFor(all, prover);
        proveOne(one);
        vm.expectEmit(address(rollup));
        emit IRollup.BatchesFinalized(2, 3, three.blockHash, three.stateRoot, three.withdrawalRoot, prover);
        vm.prank(prover);
        rollup.proveBatches(all);
        assertEq(rollup.lastFinalizedBatch(), 3);
    }

    function test_fieldsMustBeThoseCommitted() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitNext();
        IRollup.ProveInput memory input = proveInput(one, two);
        input.last.withdrawalRoot = keccak256("stolen");
        expectProveRevert(
            input,
            abi.encodeWithSelector(IRollup.BatchHashMismatch.selector, 2, hashOf(input.last), rollup.batchHash(2))
        );
        input = proveInput(one, two);
        input.first.parentBlockHash = keccak256("another parent");
        expectProveRevert(
            input,
            abi.encodeWithSelector(IRollup.BatchHashMismatch.selector, 1, hashOf(input.first), rollup.batchHash(1))
        );
    }

    function test_everyBatchHasItsListOfOpenings() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitNext();
        IRollup.ProveInput memory input = proveInput(one, two);
        input.openings = noOpenings(1);
        expectProveRevert(input, abi.encodeWithSelector(IRollup.OpeningsLengthMismatch.selector, 1, 2));
        input.openings = noOpenings(3);
        expectProveRevert(input, abi.encodeWithSelector(IRollup.OpeningsLengthMismatch.selector, 3, 2));
    }

    function test_blobOpeningsAreCheckedByThePrecompileAndBound() public {
        IRollup.Batch memory one = commitBlobs(2);
        IRollup.ProveInput memory input = proveInput(one, one);
        input.openings[0] = openingsOf(2);
        prove(input);
        assertEq(rollup.lastFinalizedBatch(), 1);
    }

    function test_falseBlobOpeningIsRefused() public {
        IRollup.Batch memory one = commitBlobs(1);
        IRollup.ProveInput memory input = proveInput(one, one);
        bytes memory refused = abi.encodeWithSelector(IRollup.InvalidBlobOpening.selector, oneHash());

        input.openings[0] = openingsOf(1);
        input.openings[0][0].y = bytes32(uint256(2));
        expectProveRevert(input, refused);

        input.openings[0] = openingsOf(1);
        input.openings[0][0].commitment = INFINITY;
        expectProveRevert(input, refused);

        input.openings[0] = openingsOf(1);
        input.openings[0][0].proof = bytes.concat(INFINITY, hex"00");
        expectProveRevert(input, refused);

        input.openings[0] = openingsOf(1);
        input.openings[0][0].z = bytes32(type(uint256).max);
        expectProveRevert(input, refused);

        input.openings[0] = openingsOf(1);
        input.openings[0][0].versionedHash = keccak256("another blob");
        expectProveRevert(input, abi.encodeWithSelector(IRollup.InvalidBlobOpening.selector, keccak256("another blob")));
    }

    /// An L1 without EIP-4844 answers a call to 0x0a like one to any empty account: with success and no data.
    function test_missingPrecompileIsNotAnAcceptingOne() public {
        IRollup.Batch memory one = commitBlobs(1);
        IRollup.ProveInput memory input = proveInput(one, one);
        input.openings[0] = openingsOf(1);
        vm.mockCall(address(0x0a), bytes(""), bytes(""));
        expectProveRevert(input, abi.encodeWithSelector(IRollup.InvalidBlobOpening.selector, oneHash()));
        vm.mockCall(address(0x0a), bytes(""), abi.encode(4096, 1));
        expectProveRevert(input, abi.encodeWithSelector(IRollup.InvalidBlobOpening.selector, oneHash()));
        vm.clearMockedCalls();
        prove(input);
    }

    function test_differentOpeningsAreADifferentStatement() public {
        IRollup.Batch memory one = commitBlobs(1);
        IRollup.ProveInput memory input = proveInput(one, one);
        input.openings[0] = openingsOf(1);
        acceptFor(input, prover);
        IRollup.ProveInput memory other = proveInput(one, one);
        other.openings[0] = openingsOf(1);
        other.openings[0][0].z = bytes32(uint256(5));
        bytes32 value = publicValueOf(other, storedHashes(1, 1), prover);
        expectProveRevert(other, abi.encodeWithSelector(IRollup.InvalidProof.selector, value));
    }

    /* finality waits for overdue messages */

    function test_stockOfOldBatchesCannotKeepAMessageOut() public {
        IRollup.Batch memory one = commitNext();
        commitNext();
        uint64 enqueued = uint64(block.timestamp);
        send(21_000);
        vm.warp(enqueued + OPEN_AFTER + 1);
        IRollup.ProveInput memory input = proveInput(one, one);
        acceptFor(input, prover);
        expectProveRevert(input, abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, 0, enqueued));

        IRollup.Batch memory three = commitNext();
        assertEq(three.messagesAfter, 1);
        vm.prank(prover);
        rollup.proveBatches(input);
        assertEq(rollup.lastFinalizedBatch(), 1, "committed is enough");
        assertTrue(rollup.isOpen(), "but until it is final anybody may help");
    }

    /* open mode */

    function openCommit(bytes memory data, IRollup.BlobOpening[] memory openings)
        internal
        returns (IRollup.BatchCommitment memory c, IRollup.Batch memory batch)
    {
        c = nextCommitment(genesisBatch);
        bytes32 dataHash = data.length == 0 ? keccak256(abi.encode(versionedHashes(openings))) : keccak256(data);
        batch = expectedBatch(genesisBatch, c, data.length == 0, dataHash);
        IRollup.ProveInput memory input = proveInput(batch, batch);
        input.openings[0] = openings;
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = hashOf(batch);
        verifier.accept(publicValueOf(input, hashes, prover), "proof");
    }

    function versionedHashes(IRollup.BlobOpening[] memory openings) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](openings.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = openings[i].versionedHash;
        }
    }

    function test_openModeLetsAnybodyContinueTheFinalChain() public {
        send(21_000);
        commitNext();
        commitNext();
        warpToOpenMode();
        assertTrue(rollup.isOpen());
        IRollup.BlobOpening[] memory none = new IRollup.BlobOpening[](0);
        (IRollup.BatchCommitment memory c, IRollup.Batch memory batch) = openCommit("data", none);
        vm.expectEmit(address(rollup));
        emit IRollup.BatchesReverted(1, 2);
        vm.expectEmit(address(rollup));
        emit IRollup.BatchCommitted(1, hashOf(batch), batch, new bytes32[](0), "data");
        vm.expectEmit(address(rollup));
        emit IRollup.BatchesFinalized(1, 1, batch.blockHash, batch.stateRoot, batch.withdrawalRoot, prover);
        vm.prank(prover);
        rollup.commitAndProve(genesisBatch, c, "data", none, "proof");
        assertEq(rollup.lastCommittedBatch(), 1);
        assertEq(rollup.lastFinalizedBatch(), 1);
        assertEq(rollup.batchHash(1), hashOf(batch));
        assertEq(rollup.batchHash(2), 0);
        assertEq(rollup.nextMessage(), 1);
        assertFalse(rollup.isOpen());
    }

    function test_openModeTakesBlobs() public {
        warpToOpenMode();
        setBlobs(1);
        IRollup.BlobOpening[] memory openings = openingsOf(1);
        (IRollup.BatchCommitment memory c, IRollup.Batch memory batch) = openCommit("", openings);
        vm.prank(prover);
        rollup.commitAndProve(genesisBatch, c, "", openings, "proof");
        assertEq(rollup.batchHash(1), hashOf(batch));
    }

    function test_commitAndProveNeedsOpenMode() public {
        vm.warp(block.timestamp + OPEN_AFTER);
        IRollup.BlobOpening[] memory none = new IRollup.BlobOpening[](0);
        (IRollup.BatchCommitment memory c,) = openCommit("data", none);
        vm.expectRevert(IRollup.NotOpen.selector);
        vm.prank(prover);
        rollup.commitAndProve(genesisBatch, c, "data", none, "proof");
    }

    function test_openModeStillNeedsAProof() public {
        commitNext();
        warpToOpenMode();
        IRollup.BlobOpening[] memory none = new IRollup.BlobOpening[](0);
        (IRollup.BatchCommitment memory c, IRollup.Batch memory batch) = openCommit("data", none);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = hashOf(batch);
        bytes32 value = publicValueOf(proveInput(batch, batch), hashes, alice);
        vm.expectRevert(abi.encodeWithSelector(IRollup.InvalidProof.selector, value));
        vm.prank(alice);
        rollup.commitAndProve(genesisBatch, c, "data", none, "proof");
        assertEq(rollup.lastCommittedBatch(), 1, "the failed attempt drops nothing");
    }

    function test_openModeBuildsOnTheLastFinalBatchOnly() public {
        IRollup.Batch memory one = commitNext();
        warpToOpenMode();
        IRollup.BatchCommitment memory c = nextCommitment(one);
        vm.expectRevert(abi.encodeWithSelector(IRollup.WrongBatch.selector, 1, 0));
        vm.prank(prover);
        rollup.commitAndProve(one, c, "data", new IRollup.BlobOpening[](0), "proof");
    }

    function test_openModeObeysForcedInclusion() public {
        uint64 enqueued = uint64(block.timestamp);
        send(21_000);
        warpToOpenMode();
        IRollup.BatchCommitment memory c = nextCommitment(genesisBatch);
        c.messagesAfter = 0;
        c.queueHashAfter = 0;
        vm.expectRevert(abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, 0, enqueued));
        vm.prank(prover);
        rollup.commitAndProve(genesisBatch, c, "data", new IRollup.BlobOpening[](0), "proof");
    }

    function test_ignoredMessageOpensTheRollupDespiteFinality() public {
        uint64 enqueued = uint64(block.timestamp);
        IRollup.Batch memory one = commitNext();
        send(21_000);
        vm.warp(enqueued + OPEN_AFTER);
        IRollup.ProveInput memory input = proveInput(one, one);
        prove(input);
        assertFalse(rollup.isOpen());
        vm.warp(enqueued + OPEN_AFTER + 1);
        assertTrue(rollup.isOpen());
    }

    function test_sequencerCannotRevertInOpenMode() public {
        IRollup.Batch memory one = commitNext();
        commitNext();
        warpToOpenMode();
        vm.expectRevert(IRollup.IsOpen.selector);
        vm.prank(sequencer);
        rollup.revertBatches(one);
        proveOne(one);
        assertFalse(rollup.isOpen());
    }

    function test_clockStartsWhenTheFirstVerifierIsSet() public {
        L1Config memory config = defaultConfig();
        config.verifier = address(0);
        deployAll(config);
        vm.warp(block.timestamp + 100 days);
        MockVerifier first = new MockVerifier();
        asOwner();
        rollup.setVerifier(address(first));
        assertFalse(rollup.isOpen());
        vm.warp(block.timestamp + 3 days);
        MockVerifier second = new MockVerifier();
        asOwner();
        rollup.setVerifier(address(second));
        vm.warp(block.timestamp + 4 days + 1);
        assertTrue(rollup.isOpen(), "a later change does not restart it");
    }
}
