// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IBatchVerifier} from "./interfaces/IBatchVerifier.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {IRollup} from "./interfaces/IRollup.sol";
import {BatchHash} from "./libraries/BatchHash.sol";
import {PointEvaluation} from "./libraries/PointEvaluation.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title Rollup
/// @notice See {IRollup}.
contract Rollup is IRollup, Initializable, OwnableUpgradeable, UUPSUpgradeable {
    using BatchHash for Batch;

    /// @notice Most L2 blocks in a batch.
    uint64 public constant MAX_BLOCKS_PER_BATCH = 4096;
    /// @notice Most blobs in a batch.
    uint256 public constant MAX_BLOBS_PER_BATCH = 6;
    /// @notice Most bytes of batch data in calldata.
    uint256 public constant MAX_CALLDATA_BYTES = 120_000;
    /// @notice Seconds by which an L2 timestamp may be ahead of the L1 block that commits it: clocks differ, but nobody
    /// may make L2 time limits pass early.
    uint64 public constant MAX_AHEAD_SECONDS = 300;
    /// @notice A batch that processes this many messages may leave overdue ones to the next batch. Without it, a flood of
    /// messages during an outage could add up to more than any one batch can hold or anybody can prove.
    uint64 public constant MAX_FORCED_MESSAGES = 128;
    /// @notice Longest `forceAfter`, in seconds.
    uint32 public constant MAX_FORCE_AFTER = 7 days;
    /// @notice Longest `openAfter`, in seconds; with the pause it stays well below the timelock's 30 days.
    uint32 public constant MAX_OPEN_AFTER = 14 days;
    /// @notice Length of a pause, in seconds.
    uint64 public constant MAX_PAUSE = 7 days;
    /// @notice Seconds from the full end of a pause to the next one.
    uint64 public constant PAUSE_COOLDOWN = 30 days;

    /// @custom:storage-location erc7201:cwe.rollup
    struct RollupStorage {
        // One slot: all that a commitment reads and writes besides hashes.
        uint64 lastCommittedBatch;
        uint64 nextMessage;
        uint64 pausedUntil;
        uint32 forceAfter;
        uint32 openAfter;
        // One slot: all that finality writes.
        uint64 lastFinalizedBatch;
        uint64 nextUnfinalizedMessage;
        uint64 lastFinalizedAt;
        uint64 pauseAllowedAt;
        IInbox inbox;
        uint64 l2ChainId;
        IBatchVerifier verifier;
        address guardian;
        mapping(address account => bool) isSequencer;
        /// @dev Entries above `lastCommittedBatch` are leftovers of reverted batches.
        mapping(uint64 batchIndex => bytes32) batchHashes;
        mapping(uint64 batchIndex => bytes32) finalizedWithdrawalRoots;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.rollup")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x7edc16720916684bb677f22568305257a05ea7101a4c5ae00613941223e3a200;

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    modifier onlySequencer() {
        if (!_storage().isSequencer[msg.sender]) revert NotSequencer(msg.sender);
        _;
    }

    modifier onlyGuardian() {
        if (msg.sender != _storage().guardian) revert NotGuardian(msg.sender);
        _;
    }

    constructor() {
        _disableInitializers();
    }

    /// @param genesis The L2's beginning: becomes batch 0, final from the start.
    /// @param params Roles and time windows.
    function initialize(Genesis calldata genesis, Params calldata params) external initializer {
        if (params.inbox == address(0) || params.sequencer == address(0)) revert ZeroAddress();
        if (genesis.l2ChainId == 0 || genesis.blockHash == 0 || genesis.stateRoot == 0 || genesis.withdrawalRoot == 0) {
            revert GenesisInvalid();
        }
        if (
            params.forceAfter == 0 || params.forceAfter > params.openAfter || params.forceAfter > MAX_FORCE_AFTER
                || params.openAfter > MAX_OPEN_AFTER
        ) revert WindowsInvalid(params.forceAfter, params.openAfter);

        __Ownable_init(params.owner);
        RollupStorage storage $ = _storage();
        $.l2ChainId = genesis.l2ChainId;
        $.inbox = IInbox(params.inbox);
        $.forceAfter = params.forceAfter;
        $.openAfter = params.openAfter;
        $.lastFinalizedAt = uint64(block.timestamp);
        _setSequencer(params.sequencer, true);
        _setGuardian(params.guardian);
        if (params.verifier != address(0)) _setVerifier(params.verifier);
        _storeGenesis(genesis);
    }

    function _storeGenesis(Genesis calldata genesis) private {
        // All other fields of batch 0 are zero.
        // slither-disable-next-line uninitialized-local
        Batch memory batch;
        batch.lastTimestamp = genesis.timestamp;
        batch.blockHash = genesis.blockHash;
        batch.stateRoot = genesis.stateRoot;
        batch.withdrawalRoot = genesis.withdrawalRoot;
        bytes32 hash = batch.hash();
        RollupStorage storage $ = _storage();
        $.batchHashes[0] = hash;
        $.finalizedWithdrawalRoots[0] = genesis.withdrawalRoot;
        emit BatchCommitted(0, hash, batch, new bytes32[](0), "");
    }

    /* commitment */

    /// @inheritdoc IRollup
    function commitBatch(Batch calldata parent, BatchCommitment calldata commitment, bytes calldata data)
        external
        onlySequencer
        whenNotPaused
        returns (bytes32 hash)
    {
        uint64 tip = _storage().lastCommittedBatch;
        if (parent.batchIndex != tip) revert WrongBatch(parent.batchIndex, tip);
        (, hash) = _commit(parent, commitment, data);
    }

    /// @inheritdoc IRollup
    function revertBatches(Batch calldata newTip) external onlySequencer whenNotPaused {
        if (isOpen()) revert IsOpen();
        RollupStorage storage $ = _storage();
        uint64 tip = $.lastCommittedBatch;
        uint64 finalized = $.lastFinalizedBatch;
        if (newTip.batchIndex < finalized) revert WrongBatch(newTip.batchIndex, finalized);
        if (newTip.batchIndex >= tip) revert WrongBatch(newTip.batchIndex, tip - 1);
        _requireStored(newTip);
        $.lastCommittedBatch = newTip.batchIndex;
        $.nextMessage = newTip.messagesAfter;
        emit BatchesReverted(newTip.batchIndex + 1, tip);
    }

    /// @dev Appends a batch to `parent`, whose place in the chain the caller has checked.
    function _commit(Batch calldata parent, BatchCommitment calldata commitment, bytes calldata data)
        private
        returns (Batch memory batch, bytes32 hash)
    {
        RollupStorage storage $ = _storage();
        _requireBlocks(parent, commitment);
        _requireMessages(parent, commitment);
        (bytes32[] memory versionedHashes, bytes32 dataHash) = _batchData(data);

        batch.parentBatchHash = _requireStored(parent);
        batch.batchIndex = parent.batchIndex + 1;
        batch.firstBlock = parent.lastBlock + 1;
        batch.lastBlock = commitment.lastBlock;
        batch.lastTimestamp = commitment.lastTimestamp;
        batch.parentBlockHash = parent.blockHash;
        batch.blockHash = commitment.blockHash;
        batch.stateRoot = commitment.stateRoot;
        batch.withdrawalRoot = commitment.withdrawalRoot;
        batch.messagesBefore = parent.messagesAfter;
        batch.messagesAfter = commitment.messagesAfter;
        batch.queueHashBefore = parent.queueHashAfter;
        batch.queueHashAfter = commitment.queueHashAfter;
        batch.blobs = data.length == 0;
        batch.dataHash = dataHash;

        hash = batch.hash();
        $.batchHashes[batch.batchIndex] = hash;
        $.lastCommittedBatch = batch.batchIndex;
        $.nextMessage = batch.messagesAfter;
        emit BatchCommitted(batch.batchIndex, hash, batch, versionedHashes, data);
    }

    function _requireBlocks(Batch calldata parent, BatchCommitment calldata commitment) private view {
        uint64 last = commitment.lastBlock;
        if (last <= parent.lastBlock || last - parent.lastBlock > MAX_BLOCKS_PER_BATCH) {
            revert BlockRangeInvalid(last, parent.lastBlock + 1, parent.lastBlock + MAX_BLOCKS_PER_BATCH);
        }
        uint64 latest = uint64(block.timestamp) + MAX_AHEAD_SECONDS;
        if (commitment.lastTimestamp < parent.lastTimestamp || commitment.lastTimestamp > latest) {
            revert TimestampInvalid(commitment.lastTimestamp, parent.lastTimestamp, latest);
        }
    }

    function _requireMessages(Batch calldata parent, BatchCommitment calldata commitment) private view {
        RollupStorage storage $ = _storage();
        uint64 count = commitment.messagesAfter;
        if (count < parent.messagesAfter) revert MessagesInvalid(count, parent.messagesAfter);
        (bytes32 queueHash, uint64 enqueuedAt) = $.inbox.queueState(count);
        if (queueHash != commitment.queueHashAfter) revert QueueHashMismatch(commitment.queueHashAfter, queueHash);
        if (count - parent.messagesAfter < MAX_FORCED_MESSAGES && _isOlderThan(enqueuedAt, $.forceAfter)) {
            revert ForcedMessageLeftOut(count, enqueuedAt);
        }
    }

    /// @dev Hash of the batch's data: of this transaction's blobs if there is no calldata.
    function _batchData(bytes calldata data) private view returns (bytes32[] memory versionedHashes, bytes32 dataHash) {
        if (data.length == 0) {
            versionedHashes = _blobHashes();
            return (versionedHashes, BatchHash.blobDataHash(versionedHashes));
        }
        if (blobhash(0) != 0) revert BlobsAndCalldata();
        if (data.length > MAX_CALLDATA_BYTES) revert DataTooLong(data.length, MAX_CALLDATA_BYTES);
        return (versionedHashes, keccak256(data));
    }

    function _blobHashes() private view returns (bytes32[] memory versionedHashes) {
        uint256 count;
        while (blobhash(count) != 0) {
            if (++count > MAX_BLOBS_PER_BATCH) revert TooManyBlobs(MAX_BLOBS_PER_BATCH);
        }
        if (count == 0) revert NoData();
        versionedHashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            versionedHashes[i] = blobhash(i);
        }
    }

    /* finality */

    /// @inheritdoc IRollup
    function proveBatches(ProveInput calldata input) external whenNotPaused {
        RollupStorage storage $ = _storage();
        uint64 from = input.first.batchIndex;
        uint64 to = input.last.batchIndex;
        uint64 finalized = $.lastFinalizedBatch;
        if (from == 0 || from > finalized + 1 || to <= finalized || to > $.lastCommittedBatch) {
            revert ProofRangeInvalid(from, to, finalized, $.lastCommittedBatch);
        }
        if (input.openings.length != to - from + 1) {
            revert OpeningsLengthMismatch(input.openings.length, to - from + 1);
        }
        _requireStored(input.first);
        _requireStored(input.last);
        _requireNothingOverdue();

        bytes32[] memory provenHashes = new bytes32[](input.openings.length);
        for (uint64 i = from; i <= to; ++i) {
            provenHashes[i - from] = _checkOpenings($.batchHashes[i], input.openings[i - from]);
        }
        _finalize(input.first, input.last, keccak256(abi.encodePacked(provenHashes)), input.proof);
    }

    /// @inheritdoc IRollup
    function commitAndProve(
        Batch calldata parent,
        BatchCommitment calldata commitment,
        bytes calldata data,
        BlobOpening[] calldata openings,
        bytes calldata proof
    ) external whenNotPaused {
        if (!isOpen()) revert NotOpen();
        RollupStorage storage $ = _storage();
        uint64 tip = $.lastCommittedBatch;
        uint64 finalized = $.lastFinalizedBatch;
        if (parent.batchIndex != finalized) revert WrongBatch(parent.batchIndex, finalized);
        if (tip > finalized) emit BatchesReverted(finalized + 1, tip);
        (Batch memory batch, bytes32 hash) = _commit(parent, commitment, data);
        bytes32 provenHash = _checkOpenings(hash, openings);
        _finalize(batch, batch, keccak256(abi.encodePacked(provenHash)), proof);
    }

    /// @dev Once a message is overdue by `openAfter`, finality of anything waits until it is at least committed. Else a
    /// sequencer could live for ever on a stock of old batches made before the message, without letting it in.
    function _requireNothingOverdue() private view {
        RollupStorage storage $ = _storage();
        uint64 next = $.nextMessage;
        // Of the queue only the time is needed.
        // slither-disable-next-line unused-return
        (, uint64 enqueuedAt) = $.inbox.queueState(next);
        if (_isOlderThan(enqueuedAt, $.openAfter)) revert ForcedMessageLeftOut(next, enqueuedAt);
    }

    /// @dev Checks a batch's openings on chain and returns what the proof must say about the batch. That the openings
    /// are those of the batch's own blobs is the proof's part: the batch hash binds the versioned hashes.
    function _checkOpenings(bytes32 hash, BlobOpening[] calldata openings) private view returns (bytes32) {
        BatchHash.Opening[] memory bound = new BatchHash.Opening[](openings.length);
        for (uint256 i = 0; i < openings.length; ++i) {
            BlobOpening calldata o = openings[i];
            if (!PointEvaluation.verify(o.versionedHash, o.z, o.y, o.commitment, o.proof)) {
                revert InvalidBlobOpening(o.versionedHash);
            }
            bound[i] = BatchHash.Opening(o.versionedHash, o.z, o.y);
        }
        return BatchHash.proven(hash, bound);
    }

    function _finalize(Batch memory first, Batch memory last, bytes32 batchesHash, bytes calldata proof) private {
        RollupStorage storage $ = _storage();
        if (address($.verifier) == address(0)) revert VerifierNotSet();
        bytes32 publicValue = BatchHash.publicValue($.l2ChainId, first, last, batchesHash, msg.sender);
        if (!$.verifier.verify(publicValue, proof)) revert InvalidProof(publicValue);

        uint64 from = $.lastFinalizedBatch + 1;
        $.lastFinalizedBatch = last.batchIndex;
        $.nextUnfinalizedMessage = last.messagesAfter;
        $.lastFinalizedAt = uint64(block.timestamp);
        $.finalizedWithdrawalRoots[last.batchIndex] = last.withdrawalRoot;
        emit BatchesFinalized(from, last.batchIndex, last.blockHash, last.stateRoot, last.withdrawalRoot, msg.sender);
    }

    /* roles */

    /// @inheritdoc IRollup
    function pause() external onlyGuardian {
        RollupStorage storage $ = _storage();
        if (block.timestamp < $.pauseAllowedAt) revert PauseNotAllowedBefore($.pauseAllowedAt);
        uint64 until = uint64(block.timestamp) + MAX_PAUSE;
        $.pausedUntil = until;
        $.pauseAllowedAt = until + PAUSE_COOLDOWN;
        emit Paused(until);
    }

    /// @inheritdoc IRollup
    function unpause() external onlyGuardian {
        _storage().pausedUntil = 0;
        emit Unpaused();
    }

    /// @inheritdoc IRollup
    function setSequencer(address sequencer, bool allowed) external onlyOwner {
        if (sequencer == address(0)) revert ZeroAddress();
        _setSequencer(sequencer, allowed);
    }

    /// @inheritdoc IRollup
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @inheritdoc IRollup
    function setVerifier(address newVerifier) external onlyOwner {
        RollupStorage storage $ = _storage();
        // Finality could not happen before: the clock towards open mode starts now.
        if (address($.verifier) == address(0)) $.lastFinalizedAt = uint64(block.timestamp);
        _setVerifier(newVerifier);
    }

    /* views */

    /// @inheritdoc IRollup
    function batchHash(uint64 batchIndex) public view returns (bytes32) {
        RollupStorage storage $ = _storage();
        return batchIndex > $.lastCommittedBatch ? bytes32(0) : $.batchHashes[batchIndex];
    }

    /// @inheritdoc IRollup
    function isOpen() public view returns (bool) {
        RollupStorage storage $ = _storage();
        if (address($.verifier) == address(0)) return false;
        if (_isOlderThan($.lastFinalizedAt, $.openAfter)) return true;
        // Of the queue only the time is needed.
        // slither-disable-next-line unused-return
        (, uint64 enqueuedAt) = $.inbox.queueState($.nextUnfinalizedMessage);
        return _isOlderThan(enqueuedAt, $.openAfter);
    }

    /// @inheritdoc IRollup
    function lastCommittedBatch() external view returns (uint64) {
        return _storage().lastCommittedBatch;
    }

    /// @inheritdoc IRollup
    function lastFinalizedBatch() external view returns (uint64) {
        return _storage().lastFinalizedBatch;
    }

    /// @inheritdoc IRollup
    function lastFinalizedAt() external view returns (uint64) {
        return _storage().lastFinalizedAt;
    }

    /// @inheritdoc IRollup
    function finalizedWithdrawalRoot(uint64 batchIndex) external view returns (bytes32) {
        return _storage().finalizedWithdrawalRoots[batchIndex];
    }

    /// @inheritdoc IRollup
    function nextMessage() external view returns (uint64) {
        return _storage().nextMessage;
    }

    /// @inheritdoc IRollup
    function nextUnfinalizedMessage() external view returns (uint64) {
        return _storage().nextUnfinalizedMessage;
    }

    /// @inheritdoc IRollup
    function isSequencer(address account) external view returns (bool) {
        return _storage().isSequencer[account];
    }

    /// @inheritdoc IRollup
    function pausedUntil() external view returns (uint64) {
        return _storage().pausedUntil;
    }

    /// @inheritdoc IRollup
    function paused() external view returns (bool) {
        return block.timestamp < _storage().pausedUntil;
    }

    /// @inheritdoc IRollup
    function guardian() external view returns (address) {
        return _storage().guardian;
    }

    /// @inheritdoc IRollup
    function verifier() external view returns (address) {
        return address(_storage().verifier);
    }

    /// @inheritdoc IRollup
    function inbox() external view returns (address) {
        return address(_storage().inbox);
    }

    /// @inheritdoc IRollup
    function l2ChainId() external view returns (uint64) {
        return _storage().l2ChainId;
    }

    /// @inheritdoc IRollup
    function forceAfter() external view returns (uint32) {
        return _storage().forceAfter;
    }

    /// @inheritdoc IRollup
    function openAfter() external view returns (uint32) {
        return _storage().openAfter;
    }

    /* internal */

    /// @dev Whether the fields given are those of a stored batch; returns their hash.
    function _requireStored(Batch calldata batch) private view returns (bytes32 given) {
        given = keccak256(abi.encode(batch));
        bytes32 expected = _storage().batchHashes[batch.batchIndex];
        if (given != expected) revert BatchHashMismatch(batch.batchIndex, given, expected);
    }

    /// @dev `time` is 0 for something that does not exist.
    function _isOlderThan(uint64 time, uint32 window) private view returns (bool) {
        return time != 0 && block.timestamp > uint256(time) + window;
    }

    function _requireNotPaused() private view {
        uint64 until = _storage().pausedUntil;
        if (block.timestamp < until) revert IsPaused(until);
    }

    function _setSequencer(address sequencer, bool allowed) private {
        _storage().isSequencer[sequencer] = allowed;
        emit SequencerChanged(sequencer, allowed);
    }

    function _setGuardian(address newGuardian) private {
        if (newGuardian == address(0)) revert ZeroAddress();
        _storage().guardian = newGuardian;
        emit GuardianChanged(newGuardian);
    }

    function _setVerifier(address newVerifier) private {
        if (newVerifier.code.length == 0) revert NotAContract(newVerifier);
        _storage().verifier = IBatchVerifier(newVerifier);
        emit VerifierChanged(newVerifier);
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _storage() private pure returns (RollupStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
