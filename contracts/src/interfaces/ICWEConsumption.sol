// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ICWEConsumption
/// @notice Takes the Split proofs of the epoch that has just ended and keeps its note tree. Anybody may send one: it is
/// tied to no account.
interface ICWEConsumption {
    /// @notice A Split proof was accepted.
    /// @param epoch The epoch it reports.
    /// @param tierId Its tier.
    /// @param nullifier `H(s, K_E)`; means nothing outside of this epoch.
    /// @param index Position of the notes root in the epoch's note tree.
    /// @param notesRoot Root over the subscriber's notes.
    event ConsumptionSubmitted(
        uint64 indexed epoch, bytes32 indexed tierId, bytes32 indexed nullifier, uint256 index, bytes32 notesRoot
    );
    /// @notice The verifier changed.
    event VerifierSet(address indexed verifier);

    /// @notice No epoch takes submissions now.
    error SubmissionsClosed();
    /// @notice The epoch's key is not fixed yet: call `EpochBeacon.fix`.
    error EpochKeyMissing(uint64 epoch);
    /// @notice Nothing is taken while no verifier is set.
    error VerifierNotSet();
    /// @notice Exactly one commitment, the notes root, is expected, not `count`.
    error CommitmentCountInvalid(uint256 count);
    /// @notice A submission with this nullifier was already taken.
    error NullifierUsed(uint64 epoch, bytes32 nullifier);
    /// @notice The tier has `subscribers` paid leaves in this epoch, and as many submissions.
    error TierExhausted(uint64 epoch, bytes32 tierId, uint64 subscribers);
    /// @notice The proof does not hold.
    error ProofInvalid();

    /// @notice Reports an epoch's listening.
    /// @param userId The epoch nullifier `H(s, K_E)`.
    /// @param tierId The tier that was paid for.
    /// @param workCommitments One element: the Merkle root of the note commitments.
    /// @param zkProof The Split proof.
    function submitConsumption(
        bytes32 userId,
        bytes32 tierId,
        bytes32[] calldata workCommitments,
        bytes calldata zkProof
    ) external;

    /// @notice Sets the verifier of Split proofs. Owner only.
    function setVerifier(address verifier_) external;

    /// @notice The verifier, zero when none is set.
    function verifier() external view returns (address);

    /// @notice Public inputs that a Split proof of `epoch` must have, in the verifier's order.
    function publicInputs(uint64 epoch, bytes32 tierId, bytes32 nullifier, bytes32 notesRoot)
        external
        view
        returns (uint256[8] memory);

    /// @notice Root of an epoch's note tree, 0 while it is empty; final when its submission window is over.
    function noteRoot(uint64 epoch) external view returns (uint256);

    /// @notice Submissions taken for an epoch, all tiers together.
    function submissionCount(uint64 epoch) external view returns (uint256);

    /// @notice Submissions taken for a tier in an epoch.
    function submissionsOf(uint64 epoch, bytes32 tierId) external view returns (uint64);

    /// @notice Whether a nullifier has been used in an epoch.
    function isNullifierUsed(uint64 epoch, bytes32 nullifier) external view returns (bool);

    /// @notice CLN wei that an epoch's submissions cost in gas at the base fees of their blocks: those that `sender` sent,
    /// and all. {ISubmissionRefunds} gives them back.
    function costsOf(uint64 epoch, address sender) external view returns (uint256 cost, uint256 total);
}
