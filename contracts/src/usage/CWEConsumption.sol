// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEConsumption} from "../interfaces/ICWEConsumption.sol";
import {ICWETiers} from "../interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../interfaces/IEconomyParameters.sol";
import {IEpochBeacon} from "../interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {ISplitVerifier} from "../interfaces/ISplitVerifier.sol";
import {Field} from "../libraries/Field.sol";
import {Governed} from "../libraries/Governed.sol";
import {PoseidonTree} from "../libraries/PoseidonTree.sol";

/// @title CWEConsumption
/// @notice See {ICWEConsumption}. The subscription tree is final when submissions open, so every proof is made against
/// one and the same root; and the note tree is final when reveals open, for the same reason.
contract CWEConsumption is ICWEConsumption, Governed {
    using PoseidonTree for PoseidonTree.Tree;

    /// @custom:storage-location erc7201:cwe.consumption
    struct ConsumptionStorage {
        IEpochClock clock;
        IEpochBeacon beacon;
        ICWETiers tiers;
        IEconomyParameters parameters;
        ISplitVerifier verifier;
        mapping(uint64 epoch => PoseidonTree.Tree) notes;
        mapping(uint64 epoch => mapping(bytes32 nullifier => bool)) used;
        mapping(uint64 epoch => mapping(bytes32 tierId => uint64)) submissions;
        /// @dev Final roots, kept by the first submission so that the others need not compute them.
        mapping(uint64 epoch => uint256) subscriptionRoots;
        /// @dev CLN wei that submissions cost their senders, by sender and together.
        mapping(uint64 epoch => mapping(address sender => uint256)) costs;
        mapping(uint64 epoch => uint256) totalCosts;
    }

    /// @notice Gas of a submission that is spent outside of what measures itself: the transaction and its arguments, the
    /// proxy, and the record of the cost.
    uint256 public constant OUTSIDE_GAS = 40_000;
    /// @notice Gas of a byte of proof in the transaction.
    uint256 public constant PROOF_BYTE_GAS = 16;

    // keccak256(abi.encode(uint256(keccak256("cwe.consumption")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xbcec990b8c5458573dc419a4d6128cde83daa393a960590e74a109ddf60a3600;

    /// @param owner_ The timelock.
    /// @param clock_ The epochs.
    /// @param beacon_ Their keys.
    /// @param tiers_ The subscriptions.
    /// @param parameters_ The governed figures.
    function initialize(address owner_, address clock_, address beacon_, address tiers_, address parameters_)
        external
        initializer
    {
        _requireNonZero(clock_);
        _requireNonZero(beacon_);
        _requireNonZero(tiers_);
        _requireNonZero(parameters_);
        __Ownable_init(owner_);
        ConsumptionStorage storage $ = _storage();
        $.clock = IEpochClock(clock_);
        $.beacon = IEpochBeacon(beacon_);
        $.tiers = ICWETiers(tiers_);
        $.parameters = IEconomyParameters(parameters_);
    }

    /// @inheritdoc ICWEConsumption
    function submitConsumption(
        bytes32 userId,
        bytes32 tierId,
        bytes32[] calldata workCommitments,
        bytes calldata zkProof
    ) external {
        uint256 gasBefore = gasleft();
        uint64 epoch = _submit(userId, tierId, workCommitments, zkProof);
        _recordCost(epoch, gasBefore - gasleft() + OUTSIDE_GAS + PROOF_BYTE_GAS * zkProof.length);
    }

    function _submit(bytes32 userId, bytes32 tierId, bytes32[] calldata workCommitments, bytes calldata zkProof)
        private
        returns (uint64 epoch)
    {
        ConsumptionStorage storage $ = _storage();
        epoch = $.clock.submissionEpoch();
        if (epoch == 0) revert SubmissionsClosed();
        if (address($.verifier) == address(0)) revert VerifierNotSet();
        if (workCommitments.length != 1) revert CommitmentCountInvalid(workCommitments.length);
        bytes32 notesRoot = workCommitments[0];
        Field.requireNonZero(uint256(userId));
        Field.requireNonZero(uint256(notesRoot));
        if ($.used[epoch][userId]) revert NullifierUsed(epoch, userId);
        // Of the revenue only the number of subscribers is needed.
        // slither-disable-next-line unused-return
        (, uint64 subscribers) = $.tiers.revenueOf(epoch, tierId);
        uint64 submissions = $.submissions[epoch][tierId];
        if (submissions >= subscribers) revert TierExhausted(epoch, tierId, subscribers);
        if ($.subscriptionRoots[epoch] == 0) $.subscriptionRoots[epoch] = $.tiers.subscriptionRoot(epoch);
        if (!$.verifier.verify(publicInputs(epoch, tierId, userId, notesRoot), zkProof)) revert ProofInvalid();

        $.used[epoch][userId] = true;
        $.submissions[epoch][tierId] = submissions + 1;
        uint256 index = $.notes[epoch].append(uint256(notesRoot));
        emit ConsumptionSubmitted(epoch, tierId, userId, index, notesRoot);
    }

    /// @dev At the base fee, which nobody chooses: of a gas price a sender could be paid back more than it needed to bid.
    function _recordCost(uint64 epoch, uint256 gas) private {
        ConsumptionStorage storage $ = _storage();
        uint256 cost = gas * block.basefee;
        $.costs[epoch][msg.sender] += cost;
        $.totalCosts[epoch] += cost;
    }

    /// @inheritdoc ICWEConsumption
    function setVerifier(address verifier_) external onlyOwner {
        _requireNonZero(verifier_);
        _storage().verifier = ISplitVerifier(verifier_);
        emit VerifierSet(verifier_);
    }

    /* views */

    /// @inheritdoc ICWEConsumption
    function verifier() external view returns (address) {
        return address(_storage().verifier);
    }

    /// @inheritdoc ICWEConsumption
    function publicInputs(uint64 epoch, bytes32 tierId, bytes32 nullifier, bytes32 notesRoot)
        public
        view
        returns (uint256[8] memory inputs)
    {
        ConsumptionStorage storage $ = _storage();
        uint256 key = $.beacon.keyOf(epoch);
        if (key == 0) revert EpochKeyMissing(epoch);
        inputs[0] = epoch;
        inputs[1] = key;
        inputs[2] = uint256(tierId);
        inputs[3] = $.tiers.termsOf(tierId, epoch).allowanceSecs;
        inputs[4] = $.parameters.parametersOf(epoch).diminishingPpm;
        uint256 root = $.subscriptionRoots[epoch];
        inputs[5] = root == 0 ? $.tiers.subscriptionRoot(epoch) : root;
        inputs[6] = uint256(nullifier);
        inputs[7] = uint256(notesRoot);
    }

    /// @inheritdoc ICWEConsumption
    function noteRoot(uint64 epoch) external view returns (uint256) {
        return _storage().notes[epoch].root();
    }

    /// @inheritdoc ICWEConsumption
    function submissionCount(uint64 epoch) external view returns (uint256) {
        return _storage().notes[epoch].count;
    }

    /// @inheritdoc ICWEConsumption
    function submissionsOf(uint64 epoch, bytes32 tierId) external view returns (uint64) {
        return _storage().submissions[epoch][tierId];
    }

    /// @inheritdoc ICWEConsumption
    function isNullifierUsed(uint64 epoch, bytes32 nullifier) external view returns (bool) {
        return _storage().used[epoch][nullifier];
    }

    /// @inheritdoc ICWEConsumption
    function costsOf(uint64 epoch, address sender) external view returns (uint256 cost, uint256 total) {
        return (_storage().costs[epoch][sender], _storage().totalCosts[epoch]);
    }

    function _storage() private pure returns (ConsumptionStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
