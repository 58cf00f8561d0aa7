// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {L1Addresses, L1Config, L1Deployment} from "../../../deploy/lib/L1Deployment.sol";
import {Bridge} from "../../src/Bridge.sol";
import {CLN} from "../../src/CLN.sol";
import {Inbox} from "../../src/Inbox.sol";
import {Rollup} from "../../src/Rollup.sol";
import {Timelock} from "../../src/Timelock.sol";
import {IRollup} from "../../src/interfaces/IRollup.sol";
import {MockVerifier} from "../mocks/MockVerifier.sol";
import {TreeModel} from "./TreeModel.sol";
import {Test} from "forge-std/Test.sol";

/// @notice A whole L1 deployment, and the sequencer's and prover's side of it as far as the contracts can see.
abstract contract Fixture is Test {
    uint64 internal constant L2_CHAIN_ID = 0xc0e;
    uint32 internal constant FORCE_AFTER = 1 days;
    uint32 internal constant OPEN_AFTER = 7 days;
    /// @dev A blob whose polynomial is the constant 1: its commitment is the generator of G1 and every opening proof
    /// is the point at infinity, so that tests have true KZG data without a KZG library.
    bytes internal constant ONE_COMMITMENT =
        hex"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
    bytes internal constant INFINITY =
        hex"c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";

    address internal governor = makeAddr("governor");
    address internal sequencer = makeAddr("sequencer");
    address internal guardian = makeAddr("guardian");
    address internal attester = makeAddr("attester");
    address internal minter = makeAddr("minter");
    address internal collector = makeAddr("collector");
    address internal prover = makeAddr("prover");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    Timelock internal timelock;
    CLN internal cln;
    Inbox internal inbox;
    Rollup internal rollup;
    Bridge internal bridge;
    MockVerifier internal verifier;

    /// @dev The last committed batch, as a sequencer keeps it.
    IRollup.Batch internal tip;
    IRollup.Batch internal genesisBatch;

    function setUp() public virtual {
        verifier = new MockVerifier();
        deployAll(defaultConfig());
        fund(alice, 1_000_000 ether);
        vm.deal(alice, 100 ether);
    }

    function defaultConfig() internal view returns (L1Config memory config) {
        config.governor = governor;
        config.timelockDelay = 30 days;
        config.sequencer = sequencer;
        config.guardian = guardian;
        config.attester = attester;
        config.minter = minter;
        config.feeCollector = collector;
        config.messageGasPrice = 0;
        config.forceAfter = FORCE_AFTER;
        config.openAfter = OPEN_AFTER;
        config.verifier = address(verifier);
        config.genesis = IRollup.Genesis({
            l2ChainId: L2_CHAIN_ID,
            timestamp: uint64(block.timestamp),
            blockHash: keccak256("genesis block"),
            stateRoot: keccak256("genesis state"),
            withdrawalRoot: TreeModel.root(new bytes32[](0))
        });
    }

    function deployAll(L1Config memory config) internal {
        uint256 bridgeNonce = vm.getNonce(address(this)) + L1Deployment.BRIDGE_NONCE_OFFSET;
        L1Addresses memory deployed = L1Deployment.run(config, vm.computeCreateAddress(address(this), bridgeNonce));
        timelock = Timelock(payable(deployed.timelock));
        cln = CLN(deployed.cln);
        inbox = Inbox(deployed.inbox);
        rollup = Rollup(deployed.rollup);
        bridge = Bridge(deployed.bridge);
        delete genesisBatch;
        genesisBatch.lastTimestamp = config.genesis.timestamp;
        genesisBatch.blockHash = config.genesis.blockHash;
        genesisBatch.stateRoot = config.genesis.stateRoot;
        genesisBatch.withdrawalRoot = config.genesis.withdrawalRoot;
        tip = genesisBatch;
    }

    function fund(address to, uint256 amount) internal {
        uint256 reserve = cln.totalSupply() + amount;
        vm.prank(attester);
        cln.attestReserve(reserve, uint64(block.timestamp + 1 days));
        vm.prank(minter);
        cln.mint(to, amount);
    }

    function asOwner() internal {
        vm.prank(address(timelock));
    }

    /// @dev One past the oldest finality at which the rollup opens to everybody.
    function warpToOpenMode() internal {
        vm.warp(block.timestamp + OPEN_AFTER + 1);
    }

    /* messages */

    function send(uint64 gasLimit) internal returns (uint64 index) {
        vm.prank(alice, alice);
        return inbox.sendMessage(bob, 0, gasLimit, "");
    }

    function depositAs(address from, address to, uint256 amount) internal returns (uint64 index) {
        vm.startPrank(from, from);
        cln.approve(address(bridge), amount);
        index = bridge.deposit(to, amount, 21_000);
        vm.stopPrank();
    }

    /* batches */

    /// @dev A commitment for one more block that processes all messages and leaves the withdrawal root as it is.
    function nextCommitment(IRollup.Batch memory parent) internal view returns (IRollup.BatchCommitment memory c) {
        c.lastBlock = parent.lastBlock + 1;
        c.lastTimestamp = uint64(block.timestamp);
        c.messagesAfter = inbox.nextIndex();
        c.blockHash = keccak256(abi.encode("block", parent.blockHash, block.timestamp));
        c.stateRoot = keccak256(abi.encode("state", c.blockHash));
        c.withdrawalRoot = parent.withdrawalRoot;
        c.queueHashAfter = inbox.queueHash(c.messagesAfter);
    }

    /// @dev The batch that the contract should build, written out from docs/PROTOCOL.md.
    function expectedBatch(IRollup.Batch memory parent, IRollup.BatchCommitment memory c, bool blobs, bytes32 dataHash)
        internal
        pure
        returns (IRollup.Batch memory)
    {
        return IRollup.Batch({
            parentBatchHash: hashOf(parent),
            batchIndex: parent.batchIndex + 1,
            firstBlock: parent.lastBlock + 1,
            lastBlock: c.lastBlock,
            lastTimestamp: c.lastTimestamp,
            parentBlockHash: parent.blockHash,
            blockHash: c.blockHash,
            stateRoot: c.stateRoot,
            withdrawalRoot: c.withdrawalRoot,
            messagesBefore: parent.messagesAfter,
            messagesAfter: c.messagesAfter,
            queueHashBefore: parent.queueHashAfter,
            queueHashAfter: c.queueHashAfter,
            blobs: blobs,
            dataHash: dataHash
        });
    }

    function hashOf(IRollup.Batch memory b) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(b.parentBatchHash, b.batchIndex, b.firstBlock, b.lastBlock, b.lastTimestamp),
                abi.encode(b.parentBlockHash, b.blockHash, b.stateRoot, b.withdrawalRoot),
                abi.encode(b.messagesBefore, b.messagesAfter, b.queueHashBefore, b.queueHashAfter),
                abi.encode(b.blobs, b.dataHash)
            )
        );
    }

    function commit(IRollup.BatchCommitment memory c, bytes memory data) internal returns (IRollup.Batch memory batch) {
        batch = expectedBatch(tip, c, false, keccak256(data));
        vm.prank(sequencer);
        rollup.commitBatch(tip, c, data);
        tip = batch;
    }

    function commitNext() internal returns (IRollup.Batch memory) {
        return commit(nextCommitment(tip), "\x01data");
    }

    function commitBlobs(uint256 count) internal returns (IRollup.Batch memory batch) {
        bytes32[] memory hashes = setBlobs(count);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        batch = expectedBatch(tip, c, true, keccak256(abi.encode(hashes)));
        vm.prank(sequencer);
        rollup.commitBatch(tip, c, "");
        tip = batch;
        vm.blobhashes(new bytes32[](0));
    }

    /* blobs */

    function oneHash() internal pure returns (bytes32) {
        bytes32 mask = bytes32(type(uint256).max >> 8);
        return (sha256(ONE_COMMITMENT) & mask) | bytes32(uint256(1) << 248);
    }

    function setBlobs(uint256 count) internal returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = oneHash();
        }
        vm.blobhashes(hashes);
    }

    function openingsOf(uint256 count) internal pure returns (IRollup.BlobOpening[] memory openings) {
        openings = new IRollup.BlobOpening[](count);
        for (uint256 i = 0; i < count; ++i) {
            openings[i] = IRollup.BlobOpening({
                versionedHash: oneHash(),
                z: bytes32(uint256(keccak256(abi.encode("z", i))) >> 8),
                y: bytes32(uint256(1)),
                commitment: ONE_COMMITMENT,
                proof: INFINITY
            });
        }
    }

    /* proofs */

    function noOpenings(uint256 batches) internal pure returns (IRollup.BlobOpening[][] memory) {
        return new IRollup.BlobOpening[][](batches);
    }

    function proveInput(IRollup.Batch memory first, IRollup.Batch memory last)
        internal
        pure
        returns (IRollup.ProveInput memory)
    {
        uint256 batches = last.batchIndex - first.batchIndex + 1;
        return IRollup.ProveInput({first: first, last: last, openings: noOpenings(batches), proof: "proof"});
    }

    /// @dev The public value by docs/PROTOCOL.md; `hashes` are those of the batches of the run.
    function publicValueOf(IRollup.ProveInput memory input, bytes32[] memory hashes, address prover_)
        internal
        pure
        returns (bytes32)
    {
        bytes memory concatenated;
        for (uint256 i = 0; i < hashes.length; ++i) {
            concatenated = bytes.concat(concatenated, provenHash(hashes[i], input.openings[i]));
        }
        return keccak256(
            bytes.concat(
                abi.encode(uint256(L2_CHAIN_ID), input.first.parentBlockHash, input.last.blockHash),
                abi.encode(input.last.stateRoot, input.last.withdrawalRoot, input.first.queueHashBefore),
                abi.encode(input.last.queueHashAfter, keccak256(concatenated), prover_)
            )
        );
    }

    function provenHash(bytes32 batchHash, IRollup.BlobOpening[] memory openings) internal pure returns (bytes32) {
        bytes memory encoded = abi.encode(batchHash, uint256(64), openings.length);
        for (uint256 i = 0; i < openings.length; ++i) {
            encoded = bytes.concat(encoded, openings[i].versionedHash, openings[i].z, openings[i].y);
        }
        return keccak256(encoded);
    }

    function storedHashes(uint64 from, uint64 to) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](to - from + 1);
        for (uint64 i = from; i <= to; ++i) {
            hashes[i - from] = rollup.batchHash(i);
        }
    }

    /// @dev Makes the mock verifier accept the true public value of `input` for `prover`, and submits it.
    function prove(IRollup.ProveInput memory input) internal {
        bytes32[] memory hashes = storedHashes(input.first.batchIndex, input.last.batchIndex);
        verifier.accept(publicValueOf(input, hashes, prover), input.proof);
        vm.prank(prover);
        rollup.proveBatches(input);
    }

    function proveOne(IRollup.Batch memory batch) internal {
        prove(proveInput(batch, batch));
    }
}
