// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IRollup
/// @notice Batches of L2 blocks: commitment by the sequencer, finality by validity proof only.
///
/// Only hashes are stored. A call that builds on a batch passes that batch's fields again (they are in its
/// `BatchCommitted` event) and the contract compares their hash.
interface IRollup {
    /// @notice The committed fields of a batch; `keccak256(abi.encode(batch))` is its hash. See docs/PROTOCOL.md.
    struct Batch {
        bytes32 parentBatchHash;
        uint64 batchIndex;
        uint64 firstBlock;
        uint64 lastBlock;
        uint64 lastTimestamp;
        bytes32 parentBlockHash;
        bytes32 blockHash;
        bytes32 stateRoot;
        bytes32 withdrawalRoot;
        uint64 messagesBefore;
        uint64 messagesAfter;
        bytes32 queueHashBefore;
        bytes32 queueHashAfter;
        bool blobs;
        bytes32 dataHash;
    }

    /// @notice What the committer claims about a new batch; everything else follows from its parent.
    struct BatchCommitment {
        /// @dev Number of the batch's last L2 block.
        uint64 lastBlock;
        /// @dev Unix time in seconds of that block.
        uint64 lastTimestamp;
        /// @dev L1 messages processed since genesis, this batch included.
        uint64 messagesAfter;
        bytes32 blockHash;
        bytes32 stateRoot;
        bytes32 withdrawalRoot;
        /// @dev The queue hash the L2 executed with; must equal the inbox's, so that a commitment made before an
        /// L1 reorganisation is refused instead of becoming unprovable.
        bytes32 queueHashAfter;
    }

    /// @notice A blob polynomial's value `y` at `z`, with the KZG data for the point-evaluation precompile.
    struct BlobOpening {
        bytes32 versionedHash;
        bytes32 z;
        bytes32 y;
        /// @dev 48 bytes.
        bytes commitment;
        /// @dev 48 bytes.
        bytes proof;
    }

    /// @notice A proof for the consecutive batches `first.batchIndex … last.batchIndex`.
    struct ProveInput {
        Batch first;
        Batch last;
        /// @dev One list per batch, one opening per blob, in order; an empty list for a calldata batch.
        BlobOpening[][] openings;
        bytes proof;
    }

    /// @notice The chain's beginning, which becomes batch 0.
    struct Genesis {
        uint64 l2ChainId;
        /// @dev Unix time in seconds of the genesis block.
        uint64 timestamp;
        bytes32 blockHash;
        bytes32 stateRoot;
        bytes32 withdrawalRoot;
    }

    /// @notice Who and how, fixed at deployment.
    struct Params {
        /// @dev The timelock.
        address owner;
        address sequencer;
        address guardian;
        address inbox;
        /// @dev May be zero until a verifier exists; nothing can be finalized before.
        address verifier;
        /// @dev Seconds after which a message must be in the next batch.
        uint32 forceAfter;
        /// @dev Seconds without finality after which anybody may commit and prove.
        uint32 openAfter;
    }

    /// @notice A batch was committed. With its data in blobs, `data` is empty; otherwise `data` is the batch data and
    /// `versionedHashes` is empty. This event is all that a follower needs.
    event BatchCommitted(
        uint64 indexed batchIndex, bytes32 indexed batchHash, Batch batch, bytes32[] versionedHashes, bytes data
    );
    /// @notice Unproven batches `fromIndex … toIndex` were dropped.
    event BatchesReverted(uint64 indexed fromIndex, uint64 indexed toIndex);
    /// @notice Batches `fromIndex … toIndex` are proven; the roots are those after the last of them.
    event BatchesFinalized(
        uint64 indexed fromIndex,
        uint64 indexed toIndex,
        bytes32 blockHash,
        bytes32 stateRoot,
        bytes32 withdrawalRoot,
        address prover
    );
    /// @notice `sequencer` may (or may no longer) commit batches.
    event SequencerChanged(address indexed sequencer, bool allowed);
    /// @notice The guardian changed.
    event GuardianChanged(address indexed guardian);
    /// @notice The verifier contract changed.
    event VerifierChanged(address indexed verifier);
    /// @notice Paused until this Unix time in seconds.
    event Paused(uint64 until);
    /// @notice The guardian ended the pause early.
    event Unpaused();

    /// @notice The caller is not a sequencer.
    error NotSequencer(address caller);
    /// @notice The caller is not the guardian.
    error NotGuardian(address caller);
    /// @notice Paused until this Unix time in seconds.
    error IsPaused(uint64 until);
    /// @notice The guardian may pause again from this Unix time in seconds on.
    error PauseNotAllowedBefore(uint64 time);
    /// @notice The fields given for batch `batchIndex` hash to `given`, the contract has `expected`.
    error BatchHashMismatch(uint64 batchIndex, bytes32 given, bytes32 expected);
    /// @notice `batchIndex` is not the batch that this call must build on or end with.
    error WrongBatch(uint64 batchIndex, uint64 expected);
    /// @notice The last block `given` is not in `minimum … maximum`.
    error BlockRangeInvalid(uint64 given, uint64 minimum, uint64 maximum);
    /// @notice The timestamp `given` is not in `minimum … maximum`, in seconds.
    error TimestampInvalid(uint64 given, uint64 minimum, uint64 maximum);
    /// @notice `given` messages are fewer than the parent's `minimum`.
    error MessagesInvalid(uint64 given, uint64 minimum);
    /// @notice The queue hash `given` is not the inbox's `expected` (L1 reorganised, or wrong count).
    error QueueHashMismatch(bytes32 given, bytes32 expected);
    /// @notice Message `index`, enqueued at `enqueuedAt` seconds, is overdue and must be included (a batch need not take
    /// more than `MAX_FORCED_MESSAGES`).
    error ForcedMessageLeftOut(uint64 index, uint64 enqueuedAt);
    /// @notice Neither blobs nor calldata carry the batch.
    error NoData();
    /// @notice Give either blobs or calldata, not both.
    error BlobsAndCalldata();
    /// @notice More blobs than `maximum`.
    error TooManyBlobs(uint256 maximum);
    /// @notice Batch data of `length` bytes is longer than `maximum`.
    error DataTooLong(uint256 length, uint256 maximum);
    /// @notice Batches `from … to` cannot be proven now; `lastFinalized` and `lastCommitted` bound them.
    error ProofRangeInvalid(uint64 from, uint64 to, uint64 lastFinalized, uint64 lastCommitted);
    /// @notice `given` lists of openings for `expected` batches.
    error OpeningsLengthMismatch(uint256 given, uint256 expected);
    /// @notice The KZG proof for a blob was refused by the point-evaluation precompile.
    error InvalidBlobOpening(bytes32 versionedHash);
    /// @notice No verifier is set: nothing can be finalized.
    error VerifierNotSet();
    /// @notice The verifier refused the proof for `publicValue`.
    error InvalidProof(bytes32 publicValue);
    /// @notice Only in open mode: nothing was finalized, or a message waited, for longer than `openAfter`.
    error NotOpen();
    /// @notice Not in open mode.
    error IsOpen();
    /// @notice The time windows are not `0 < forceAfter ≤ openAfter` within the caps.
    error WindowsInvalid(uint32 forceAfter, uint32 openAfter);
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();
    /// @notice `account` has no code.
    error NotAContract(address account);
    /// @notice A genesis hash that must not be zero is zero.
    error GenesisInvalid();

    /// @notice Commits the next batch. Sequencers only. Data is in this transaction's blobs if `data` is empty.
    /// @param parent The last committed batch.
    /// @param commitment Claims about the new batch.
    /// @param data Batch data for an L1 without blobs, else empty.
    /// @return hash Hash of the new batch.
    function commitBatch(Batch calldata parent, BatchCommitment calldata commitment, bytes calldata data)
        external
        returns (bytes32 hash);

    /// @notice Drops all batches after `newTip`, which must not be before the last finalized one. Sequencers only, and
    /// not in open mode, where it would make other provers' work worthless.
    /// @param newTip The batch that becomes the last committed one.
    function revertBatches(Batch calldata newTip) external;

    /// @notice Finalizes committed batches by a validity proof made for the caller. Anybody may call it. The proof may
    /// begin before the last finalized batch as long as it ends after it.
    function proveBatches(ProveInput calldata input) external;

    /// @notice In open mode: drops unproven batches, commits one on top of the last finalized batch and finalizes it.
    /// @param parent The last finalized batch.
    /// @param commitment Claims about the new batch.
    /// @param data Batch data, or empty for blobs.
    /// @param openings One opening per blob of this transaction.
    /// @param proof Validity proof made for the caller.
    function commitAndProve(
        Batch calldata parent,
        BatchCommitment calldata commitment,
        bytes calldata data,
        BlobOpening[] calldata openings,
        bytes calldata proof
    ) external;

    /// @notice Stops commitments, proofs, deposits and claims for `MAX_PAUSE`. Guardian only; not again before
    /// `PAUSE_COOLDOWN` after the pause's full length.
    function pause() external;

    /// @notice Ends the pause early. Guardian only.
    function unpause() external;

    /// @notice Allows or forbids `sequencer` to commit. Owner only.
    function setSequencer(address sequencer, bool allowed) external;

    /// @notice Replaces the guardian. Owner only.
    function setGuardian(address newGuardian) external;

    /// @notice Replaces the verifier. Owner only.
    function setVerifier(address newVerifier) external;

    /// @notice Hash of batch `batchIndex`, 0 if it is not committed.
    function batchHash(uint64 batchIndex) external view returns (bytes32);

    /// @notice Index of the last committed batch.
    function lastCommittedBatch() external view returns (uint64);

    /// @notice Index of the last proven batch.
    function lastFinalizedBatch() external view returns (uint64);

    /// @notice Unix time in seconds of the last finality (or of the deployment, or of the first verifier).
    function lastFinalizedAt() external view returns (uint64);

    /// @notice Withdrawal root after batch `batchIndex` if it ended a proven run, else 0.
    function finalizedWithdrawalRoot(uint64 batchIndex) external view returns (bytes32);

    /// @notice Index of the first L1 message that no committed batch has processed.
    function nextMessage() external view returns (uint64);

    /// @notice Index of the first L1 message that no finalized batch has processed.
    function nextUnfinalizedMessage() external view returns (uint64);

    /// @notice Whether anybody may `commitAndProve`. Never while no verifier is set.
    function isOpen() external view returns (bool);

    /// @notice Whether `account` may commit batches.
    function isSequencer(address account) external view returns (bool);

    /// @notice End of the current pause as Unix time in seconds; in the past or 0 when not paused.
    function pausedUntil() external view returns (uint64);

    /// @notice Whether paused now.
    function paused() external view returns (bool);

    /// @notice The guardian.
    function guardian() external view returns (address);

    /// @notice The verifier, or zero.
    function verifier() external view returns (address);

    /// @notice The message queue.
    function inbox() external view returns (address);

    /// @notice Chain id of the L2.
    function l2ChainId() external view returns (uint64);

    /// @notice Seconds after which a message must be in the next batch.
    function forceAfter() external view returns (uint32);

    /// @notice Seconds without finality after which anybody may commit and prove.
    function openAfter() external view returns (uint32);
}
