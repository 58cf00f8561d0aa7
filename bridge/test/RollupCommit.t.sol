// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./utils/Fixture.sol";

contract RollupCommitTest is Fixture {
    function expectCommitRevert(IRollup.BatchCommitment memory c, bytes memory data, bytes memory reason) internal {
        IRollup.Batch memory parent = tip;
        vm.expectRevert(reason);
        vm.prank(sequencer);
        rollup.commitBatch(parent, c, data);
    }

    function test_genesisIsBatchZeroAndFinal() public view {
        assertEq(rollup.batchHash(0), hashOf(genesisBatch));
        assertEq(rollup.lastCommittedBatch(), 0);
        assertEq(rollup.lastFinalizedBatch(), 0);
        assertEq(rollup.finalizedWithdrawalRoot(0), genesisBatch.withdrawalRoot);
        assertEq(rollup.l2ChainId(), L2_CHAIN_ID);
        assertEq(rollup.inbox(), address(inbox));
        assertEq(rollup.forceAfter(), FORCE_AFTER);
        assertEq(rollup.openAfter(), OPEN_AFTER);
        assertEq(rollup.lastFinalizedAt(), block.timestamp);
    }

    function test_calldataBatchIsHashedAndAnnouncedInFull() public {
        send(21_000);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        bytes memory data = "\x01some data";
        IRollup.Batch memory batch = expectedBatch(tip, c, false, keccak256(data));
        vm.expectEmit(address(rollup));
        emit IRollup.BatchCommitted(1, hashOf(batch), batch, new bytes32[](0), data);
        vm.prank(sequencer);
        assertEq(rollup.commitBatch(tip, c, data), hashOf(batch));
        assertEq(rollup.batchHash(1), hashOf(batch));
        assertEq(rollup.lastCommittedBatch(), 1);
        assertEq(rollup.nextMessage(), 1);
        assertEq(rollup.lastFinalizedBatch(), 0, "a commitment finalizes nothing");
    }

    function test_blobBatchTakesAllBlobsOfTheTransaction() public {
        bytes32[] memory hashes = setBlobs(6);
        hashes[3] = keccak256("another blob");
        vm.blobhashes(hashes);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        IRollup.Batch memory batch = expectedBatch(tip, c, true, keccak256(abi.encode(hashes)));
        vm.expectEmit(address(rollup));
        emit IRollup.BatchCommitted(1, hashOf(batch), batch, hashes, "");
        vm.prank(sequencer);
        rollup.commitBatch(tip, c, "");
        assertEq(rollup.batchHash(1), hashOf(batch));
    }

    function test_batchesFormAChain() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitBlobs(2);
        assertEq(two.parentBatchHash, hashOf(one));
        assertEq(rollup.batchHash(2), hashOf(two));
        assertEq(rollup.batchHash(3), 0);
    }

    function test_onlySequencersCommit() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotSequencer.selector, alice));
        vm.prank(alice);
        rollup.commitBatch(tip, c, "data");
    }

    function test_forgedParentIsRefused() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        IRollup.Batch memory forged = tip;
        forged.stateRoot = keccak256("forged");
        vm.expectRevert(
            abi.encodeWithSelector(IRollup.BatchHashMismatch.selector, 0, hashOf(forged), rollup.batchHash(0))
        );
        vm.prank(sequencer);
        rollup.commitBatch(forged, c, "data");
    }

    function test_parentMustBeTheLastCommittedBatch() public {
        IRollup.Batch memory genesis = tip;
        commitNext();
        IRollup.BatchCommitment memory c = nextCommitment(genesis);
        vm.expectRevert(abi.encodeWithSelector(IRollup.WrongBatch.selector, 0, 1));
        vm.prank(sequencer);
        rollup.commitBatch(genesis, c, "data");
    }

    function test_batchHasAtLeastOneAndAtMost4096Blocks() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.lastBlock = 0;
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.BlockRangeInvalid.selector, 0, 1, 4096));
        c.lastBlock = 4097;
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.BlockRangeInvalid.selector, 4097, 1, 4096));
        c.lastBlock = 4096;
        commit(c, "data");
        c = nextCommitment(tip);
        c.lastBlock = type(uint64).max;
        expectCommitRevert(
            c, "data", abi.encodeWithSelector(IRollup.BlockRangeInvalid.selector, type(uint64).max, 4097, 8192)
        );
    }

    function test_timeNeitherGoesBackNorRunsAhead() public {
        uint64 start = uint64(block.timestamp);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.lastTimestamp = start - 1;
        expectCommitRevert(
            c, "data", abi.encodeWithSelector(IRollup.TimestampInvalid.selector, start - 1, start, start + 300)
        );
        c.lastTimestamp = start + 301;
        expectCommitRevert(
            c, "data", abi.encodeWithSelector(IRollup.TimestampInvalid.selector, start + 301, start, start + 300)
        );
        c.lastTimestamp = start + 300;
        commit(c, "data");
    }

    function test_messagesAreNeverUndoneNorInvented() public {
        send(21_000);
        commitNext();
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.messagesAfter = 0;
        c.queueHashAfter = 0;
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.MessagesInvalid.selector, 0, 1));
        c.messagesAfter = 2;
        expectCommitRevert(c, "data", abi.encodeWithSelector(IInbox.MessageNotEnqueued.selector, 2, 1));
    }

    function test_commitmentMadeForAnotherQueueIsRefused() public {
        send(21_000);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        bytes32 truth = c.queueHashAfter;
        c.queueHashAfter = keccak256("before the reorganisation");
        expectCommitRevert(
            c, "data", abi.encodeWithSelector(IRollup.QueueHashMismatch.selector, c.queueHashAfter, truth)
        );
    }

    function test_overdueMessageMustBeIncluded() public {
        uint64 enqueued = uint64(block.timestamp);
        send(21_000);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.messagesAfter = 0;
        c.queueHashAfter = 0;
        vm.warp(enqueued + FORCE_AFTER + 1);
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, 0, enqueued));
        vm.warp(enqueued + FORCE_AFTER);
        commit(c, "data");
        vm.warp(enqueued + FORCE_AFTER + 1);
        commitNext();
        assertEq(rollup.nextMessage(), 1);
    }

    function test_floodOfMessagesIsTakenInParts() public {
        for (uint256 i = 0; i < 130; ++i) {
            send(21_000);
        }
        uint64 enqueued = uint64(block.timestamp);
        vm.warp(enqueued + FORCE_AFTER + 1);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.messagesAfter = 127;
        c.queueHashAfter = inbox.queueHash(127);
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, 127, enqueued));
        c.messagesAfter = 128;
        c.queueHashAfter = inbox.queueHash(128);
        commit(c, "data");
        c = nextCommitment(tip);
        c.messagesAfter = 129;
        c.queueHashAfter = inbox.queueHash(129);
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, 129, enqueued));
        commitNext();
        assertEq(rollup.nextMessage(), 130);
    }

    function test_dataIsInBlobsOrInCalldata() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        expectCommitRevert(c, "", abi.encodeWithSelector(IRollup.NoData.selector));
        setBlobs(1);
        expectCommitRevert(c, "data", abi.encodeWithSelector(IRollup.BlobsAndCalldata.selector));
        setBlobs(7);
        expectCommitRevert(c, "", abi.encodeWithSelector(IRollup.TooManyBlobs.selector, 6));
    }

    function test_calldataIsBounded() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        expectCommitRevert(
            c, new bytes(120_001), abi.encodeWithSelector(IRollup.DataTooLong.selector, 120_001, 120_000)
        );
        commit(c, new bytes(120_000));
    }

    function test_sequencerRevertsUnprovenBatches() public {
        send(21_000);
        IRollup.Batch memory one = commitNext();
        send(21_000);
        commitNext();
        commitNext();
        vm.expectEmit(address(rollup));
        emit IRollup.BatchesReverted(2, 3);
        vm.prank(sequencer);
        rollup.revertBatches(one);
        assertEq(rollup.lastCommittedBatch(), 1);
        assertEq(rollup.nextMessage(), 1, "later messages are to be processed again");
        assertEq(rollup.batchHash(2), 0, "reverted batches are not readable");

        tip = one;
        vm.warp(block.timestamp + 1);
        IRollup.Batch memory again = commitNext();
        assertEq(rollup.batchHash(2), hashOf(again));
    }

    function test_provenBatchesAreNeverReverted() public {
        IRollup.Batch memory one = commitNext();
        commitNext();
        proveOne(one);
        IRollup.Batch memory genesis = genesisBatch;
        vm.startPrank(sequencer);
        vm.expectRevert(abi.encodeWithSelector(IRollup.WrongBatch.selector, 0, 1));
        rollup.revertBatches(genesis);
        rollup.revertBatches(one);
        vm.stopPrank();
    }

    function test_revertNeedsATrueEarlierBatch() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory two = commitNext();
        vm.expectRevert(abi.encodeWithSelector(IRollup.WrongBatch.selector, 2, 1));
        vm.prank(sequencer);
        rollup.revertBatches(two);
        one.messagesAfter = 7;
        vm.expectRevert(abi.encodeWithSelector(IRollup.BatchHashMismatch.selector, 1, hashOf(one), rollup.batchHash(1)));
        vm.prank(sequencer);
        rollup.revertBatches(one);
    }

    function test_onlySequencersRevert() public {
        commitNext();
        IRollup.Batch memory genesis = genesisBatch;
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotSequencer.selector, alice));
        vm.prank(alice);
        rollup.revertBatches(genesis);
    }

    function testFuzz_everyFieldOfTheParentIsBound(uint256 field, bytes32 noise) public {
        vm.assume(noise != 0);
        commitNext();
        IRollup.Batch memory parent = tip;
        bytes32 truth = hashOf(parent);
        field = bound(field, 0, 14);
        assembly {
            // The struct in memory is one word per field; `batchIndex` and `blobs` are flipped within their type.
            let slot := add(parent, mul(field, 32))
            switch field
            case 13 { mstore(slot, iszero(mload(slot))) }
            default { mstore(slot, xor(mload(slot), add(1, and(noise, 0xff)))) }
        }
        vm.assume(hashOf(parent) != truth);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.lastBlock = parent.lastBlock + 1;
        vm.expectRevert();
        vm.prank(sequencer);
        rollup.commitBatch(parent, c, "data");
    }
}
