// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ICWETiers
/// @notice Subscriptions: a fee in CLN buys one leaf in the epoch's subscription tree, and with it one anonymous Split
/// proof after the epoch.
/// @dev Tier ids are short names, right-aligned: `bytes32(uint256(bytes("light")))`, non-zero and below 2¹⁸⁴. The leaf of
/// an identity commitment `idc` in tier `t` and epoch `E` is `H(idc, t · 2⁶⁴ + E)`, Poseidon over BN254.
interface ICWETiers {
    /// @notice What a tier costs and gives in one epoch.
    struct Terms {
        /// @dev CLN wei an epoch. Zero closes the tier.
        uint112 fee;
        /// @dev Most seconds of listening that a Split proof may report.
        uint48 allowanceSecs;
        /// @dev Bits: 1 basic, 2 audio, 4 video, 8 premium, 16 research.
        uint48 accessClasses;
    }

    /// @notice `terms` hold from epoch `fromEpoch` on.
    event TermsSet(bytes32 indexed tierId, uint64 indexed fromEpoch, Terms terms);
    /// @notice A leaf was bought.
    /// @param epoch Epoch that it is for.
    /// @param tierId Tier.
    /// @param identityCommitment Of the subscriber.
    /// @param index Position in the epoch's tree.
    /// @param leaf The leaf.
    /// @param payer Who paid; not necessarily the subscriber.
    /// @param fee CLN wei.
    event Subscribed(
        uint64 indexed epoch,
        bytes32 indexed tierId,
        uint256 indexed identityCommitment,
        uint256 index,
        uint256 leaf,
        address payer,
        uint256 fee
    );
    /// @notice A leaf was replaced by one of a dearer tier for the difference `paid`, in CLN wei.
    event Upgraded(
        uint64 indexed epoch,
        bytes32 indexed toTier,
        uint256 indexed identityCommitment,
        bytes32 fromTier,
        uint256 index,
        uint256 leaf,
        address payer,
        uint256 paid
    );
    /// @notice The fees of an epoch, in CLN wei, went to the payouts.
    event RevenueCollected(uint64 indexed epoch, uint256 amount);

    /// @notice No such tier is open in `epoch`.
    error UnknownTier(bytes32 tierId, uint64 epoch);
    /// @notice A tier id is non-zero and below 2¹⁸⁴.
    error TierIdInvalid(bytes32 tierId);
    /// @notice A tier has an allowance and some access class exactly when it has a fee.
    error TermsInvalid(Terms terms);
    /// @notice There are already `maximum` tiers.
    error TooManyTiers(uint256 maximum);
    /// @notice `given` CLN wei were paid where `required` are due.
    error WrongFee(uint256 given, uint256 required);
    /// @notice This commitment is already subscribed in this epoch.
    error AlreadySubscribed(uint64 epoch, uint256 identityCommitment);
    /// @notice This commitment is not subscribed in this epoch.
    error NotSubscribed(uint64 epoch, uint256 identityCommitment);
    /// @notice The fee `toFee` of the new tier is not above the old one's, `fromFee`.
    error NotAnUpgrade(uint256 fromFee, uint256 toFee);
    /// @notice Only the payouts contract may collect.
    error NotPayouts(address caller);
    /// @notice The epoch ends at `endsAt`; its revenue is not final before.
    error EpochNotOver(uint64 epoch, uint64 endsAt);
    /// @notice The epoch's revenue has been collected.
    error AlreadyCollected(uint64 epoch);
    /// @notice The payouts contract refused `amount` CLN wei.
    error CollectionFailed(uint256 amount);

    /// @notice Subscribes a commitment, one's own or somebody else's, to the current epoch. Costs exactly the fee.
    function subscribe(bytes32 tierId, uint256 identityCommitment) external payable returns (uint256 index);

    /// @notice Subscribes a commitment to the next epoch.
    function renew(bytes32 tierId, uint256 identityCommitment) external payable returns (uint256 index);

    /// @notice Moves a commitment's subscription in the current epoch to a dearer tier for the difference of the fees.
    /// Anybody may pay.
    /// @param toTier The dearer one.
    /// @param identityCommitment The subscriber.
    /// @param siblings Merkle path of the present leaf, from the leaf up.
    function upgrade(bytes32 toTier, uint256 identityCommitment, uint256[20] calldata siblings) external payable;

    /// @notice Adds a tier from the current epoch on, or changes one from the epoch after the next on: the next one can
    /// already be paid for. Owner only.
    function setTerms(bytes32 tierId, Terms calldata terms) external;

    /// @notice Sends an epoch's revenue to the payouts. Only they may call it, once, after the epoch.
    /// @return amount CLN wei.
    function collect(uint64 epoch) external returns (uint256 amount);

    /// @notice Fee in the current epoch, CLN wei; reverts for an unknown tier.
    function feeOf(bytes32 tierId) external view returns (uint256);

    /// @notice Terms of a tier in an epoch; all zero when it does not exist or is closed.
    function termsOf(bytes32 tierId, uint64 epoch) external view returns (Terms memory);

    /// @notice Ids of all tiers there ever were.
    function tierIds() external view returns (bytes32[] memory);

    /// @notice Root of an epoch's subscription tree, 0 while it is empty; final when the epoch is over. Computed from
    /// the tree's edge with twenty hashes.
    function subscriptionRoot(uint64 epoch) external view returns (uint256);

    /// @notice Leaves in an epoch's tree.
    function subscriptionCount(uint64 epoch) external view returns (uint256);

    /// @notice Position of a commitment's leaf.
    function positionOf(uint64 epoch, uint256 identityCommitment) external view returns (uint256 index);

    /// @notice Tier that a commitment is subscribed to.
    function tierOf(uint64 epoch, uint256 identityCommitment) external view returns (bytes32);

    /// @notice Fees taken for a tier in an epoch, CLN wei, and how many leaves they paid for.
    function revenueOf(uint64 epoch, bytes32 tierId) external view returns (uint256 revenue, uint64 subscribers);

    /// @notice The leaf of a commitment.
    function leafOf(bytes32 tierId, uint64 epoch, uint256 identityCommitment) external view returns (uint256);
}
