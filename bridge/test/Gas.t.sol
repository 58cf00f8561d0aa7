// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./utils/Fixture.sol";
import {TreeModel} from "./utils/TreeModel.sol";

/// @notice Gas of what is called often, as whole transactions in a lived-in state, kept as files under `snapshots/`.
/// `FORGE_SNAPSHOT_CHECK=true` makes a difference an error.
abstract contract GasFixture is Fixture {
    /// @dev The batch that `setUp` leaves committed and unproven.
    IRollup.Batch internal unproven;

    function setUp() public override {
        super.setUp();
        asOwner();
        inbox.setMessageGasPrice(1);
        send(21_000, 1);
        commitNext();
        proveOne(tip);
        unproven = commitNext();
    }

    function send(uint64 gasLimit, uint256 price) internal {
        vm.prank(alice, alice);
        inbox.sendMessage{value: gasLimit * price}(bob, 0, gasLimit, "");
    }
}

/// forge-config: default.isolate = true
contract GasTest is GasFixture {
    bytes32[] internal leaves;

    function test_gasOfCommitment() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        vm.prank(sequencer);
        rollup.commitBatch(tip, c, new bytes(1000));
        vm.snapshotGasLastCall("Rollup", "commitBatch, 1000 bytes of calldata");
    }

    function test_gasOfProof() public {
        proveOne(tip);
        vm.snapshotGasLastCall("Rollup", "proveBatches, 1 calldata batch, without the verifier");
    }

    function test_gasOfBundledProof() public {
        IRollup.Batch memory first = tip;
        for (uint256 i = 0; i < 9; ++i) {
            commitNext();
        }
        prove(proveInput(first, tip));
        vm.snapshotGasLastCall("Rollup", "proveBatches, 10 calldata batches, without the verifier");
    }

    function test_gasOfMessages() public {
        vm.prank(alice, alice);
        inbox.sendMessage{value: 100_000}(bob, 0, 100_000, new bytes(100));
        vm.snapshotGasLastCall("Inbox", "sendMessage, 100 bytes");
        vm.roll(block.number + 1);
        inbox.relayL1Block();
        vm.snapshotGasLastCall("Inbox", "relayL1Block");
    }

    function test_gasOfDepositAndClaim() public {
        vm.startPrank(alice, alice);
        cln.approve(address(bridge), 10 ether);
        bridge.deposit{value: 21_000}(bob, 1 ether, 21_000);
        bridge.deposit{value: 21_000}(bob, 1 ether, 21_000);
        vm.snapshotGasLastCall("Bridge", "deposit");
        vm.stopPrank();

        for (uint64 i = 0; i < 2; ++i) {
            leaves.push(keccak256(abi.encode(i, alice, bob, 0.5 ether)));
        }
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.withdrawalRoot = TreeModel.root(leaves);
        commit(c, "data");
        prove(proveInput(unproven, tip));
        uint64 last = tip.batchIndex;
        bridge.claimWithdrawal(last, 0, alice, bob, 0.5 ether, TreeModel.proof(leaves, 0));
        bridge.claimWithdrawal(last, 1, alice, bob, 0.5 ether, TreeModel.proof(leaves, 1));
        vm.snapshotGasLastCall("Bridge", "claimWithdrawal");
    }
}

/// @notice Blobs do not reach calls that a test isolates as transactions: here the 21 000 of a transaction and its
/// calldata come on top.
contract GasOfBlobsTest is GasFixture {
    function cool() internal {
        vm.cool(address(rollup));
        vm.cool(address(inbox));
        vm.cool(address(verifier));
    }

    function test_gasOfBlobCommitment() public {
        setBlobs(1);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        IRollup.Batch memory parent = tip;
        cool();
        vm.prank(sequencer);
        rollup.commitBatch(parent, c, "");
        vm.snapshotGasLastCall("Rollup", "commitBatch, 1 blob, execution only");
    }

    function test_gasOfBlobProof() public {
        IRollup.Batch memory batch = commitBlobs(1);
        proveOne(unproven);
        IRollup.ProveInput memory input = proveInput(batch, batch);
        input.openings[0] = openingsOf(1);
        verifier.accept(publicValueOf(input, storedHashes(batch.batchIndex, batch.batchIndex), prover), input.proof);
        cool();
        vm.prank(prover);
        rollup.proveBatches(input);
        vm.snapshotGasLastCall("Rollup", "proveBatches, 1 blob, without the verifier, execution only");
    }
}
