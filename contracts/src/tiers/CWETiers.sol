// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWETiers} from "../interfaces/ICWETiers.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {EpochHistory} from "../libraries/EpochHistory.sol";
import {Field} from "../libraries/Field.sol";
import {Governed} from "../libraries/Governed.sol";
import {Poseidon} from "../libraries/Poseidon.sol";
import {PoseidonTree} from "../libraries/PoseidonTree.sol";

/// @title CWETiers
/// @notice See {ICWETiers}. An upgrade replaces the leaf instead of adding one, so that a tier never has more Split
/// proofs than paid leaves.
contract CWETiers is ICWETiers, Governed {
    using EpochHistory for EpochHistory.History;
    using PoseidonTree for PoseidonTree.Tree;

    /// @notice Most tiers there can be: a bound of every loop over them.
    uint256 public constant MAX_TIERS = 16;

    struct Revenue {
        uint192 amount;
        uint64 subscribers;
    }

    struct Subscription {
        uint184 tierId;
        /// @dev Leaf number plus one.
        uint64 position;
    }

    /// @custom:storage-location erc7201:cwe.tiers
    struct TiersStorage {
        IEpochClock clock;
        address payouts;
        bytes32[] tierIds;
        mapping(bytes32 tierId => EpochHistory.History) terms;
        mapping(uint64 epoch => PoseidonTree.Tree) trees;
        mapping(uint64 epoch => mapping(bytes32 tierId => Revenue)) revenue;
        mapping(uint64 epoch => mapping(uint256 identityCommitment => Subscription)) subscriptions;
        mapping(uint64 epoch => bool) collected;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.tiers")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x625b9db4910ae6bb90a6dc4e5b0ee09a31b75269b247e6752e453e5fad859200;

    /// @param owner_ The timelock.
    /// @param clock_ The epochs.
    /// @param payouts_ Who settles the revenue.
    function initialize(address owner_, address clock_, address payouts_) external initializer {
        _requireNonZero(clock_);
        _requireNonZero(payouts_);
        __Ownable_init(owner_);
        _storage().clock = IEpochClock(clock_);
        _storage().payouts = payouts_;
    }

    /* listeners */

    /// @inheritdoc ICWETiers
    function subscribe(bytes32 tierId, uint256 identityCommitment) external payable returns (uint256 index) {
        return _subscribe(_storage().clock.currentEpoch(), tierId, identityCommitment);
    }

    /// @inheritdoc ICWETiers
    function renew(bytes32 tierId, uint256 identityCommitment) external payable returns (uint256 index) {
        return _subscribe(_storage().clock.currentEpoch() + 1, tierId, identityCommitment);
    }

    /// @inheritdoc ICWETiers
    function upgrade(bytes32 toTier, uint256 identityCommitment, uint256[20] calldata siblings) external payable {
        TiersStorage storage $ = _storage();
        uint64 epoch = $.clock.currentEpoch();
        bytes32 fromTier = tierOf(epoch, identityCommitment);
        uint256 fromFee = _openFee(fromTier, epoch);
        uint256 toFee = _openFee(toTier, epoch);
        if (toFee <= fromFee) revert NotAnUpgrade(fromFee, toFee);
        if (msg.value != toFee - fromFee) revert WrongFee(msg.value, toFee - fromFee);
        uint256 index = positionOf(epoch, identityCommitment);

        uint256 leaf = leafOf(toTier, epoch, identityCommitment);
        $.trees[epoch].replace(index, leafOf(fromTier, epoch, identityCommitment), leaf, siblings);
        // forge-lint: disable-next-line(unsafe-typecast): a tier id has 184 bits
        $.subscriptions[epoch][identityCommitment].tierId = uint184(uint256(toTier));
        _withdrawRevenue($.revenue[epoch][fromTier], fromFee);
        _addRevenue($.revenue[epoch][toTier], toFee);
        emit Upgraded(epoch, toTier, identityCommitment, fromTier, index, leaf, msg.sender, msg.value);
    }

    /* governance */

    /// @inheritdoc ICWETiers
    function setTerms(bytes32 tierId, Terms calldata terms) external onlyOwner {
        if (!Field.isTierId(tierId)) revert TierIdInvalid(tierId);
        bool open = terms.fee != 0;
        if ((terms.allowanceSecs != 0) != open || (terms.accessClasses != 0) != open) revert TermsInvalid(terms);
        TiersStorage storage $ = _storage();
        uint64 fromEpoch = $.clock.currentEpoch();
        if ($.terms[tierId].isEmpty()) {
            if ($.tierIds.length == MAX_TIERS) revert TooManyTiers(MAX_TIERS);
            $.tierIds.push(tierId);
        } else {
            fromEpoch += 2;
        }
        uint208 packed = (uint208(terms.accessClasses) << 160) | (uint208(terms.allowanceSecs) << 112) | terms.fee;
        $.terms[tierId].set(fromEpoch, packed);
        emit TermsSet(tierId, fromEpoch, terms);
    }

    /* settlement */

    /// @inheritdoc ICWETiers
    function collect(uint64 epoch) external returns (uint256 amount) {
        TiersStorage storage $ = _storage();
        if (msg.sender != $.payouts) revert NotPayouts(msg.sender);
        uint64 endsAt = $.clock.windowsOf(epoch).endsAt;
        if (block.timestamp < endsAt) revert EpochNotOver(epoch, endsAt);
        if ($.collected[epoch]) revert AlreadyCollected(epoch);
        $.collected[epoch] = true;
        uint256 count = $.tierIds.length;
        for (uint256 i = 0; i < count; ++i) {
            amount += $.revenue[epoch][$.tierIds[i]].amount;
        }
        emit RevenueCollected(epoch, amount);
        (bool success,) = msg.sender.call{value: amount}("");
        if (!success) revert CollectionFailed(amount);
    }

    /* views */

    /// @inheritdoc ICWETiers
    function feeOf(bytes32 tierId) external view returns (uint256) {
        return _openFee(tierId, _storage().clock.currentEpoch());
    }

    /// @inheritdoc ICWETiers
    function termsOf(bytes32 tierId, uint64 epoch) external view returns (Terms memory) {
        uint256 packed = _storage().terms[tierId].at(epoch);
        // forge-lint: disable-next-line(unsafe-typecast): fields of a packed word
        return Terms({fee: uint112(packed), allowanceSecs: uint48(packed >> 112), accessClasses: uint48(packed >> 160)});
    }

    /// @inheritdoc ICWETiers
    function tierIds() external view returns (bytes32[] memory) {
        return _storage().tierIds;
    }

    /// @inheritdoc ICWETiers
    function subscriptionRoot(uint64 epoch) external view returns (uint256) {
        return _storage().trees[epoch].root();
    }

    /// @inheritdoc ICWETiers
    function subscriptionCount(uint64 epoch) external view returns (uint256) {
        return _storage().trees[epoch].count;
    }

    /// @inheritdoc ICWETiers
    function positionOf(uint64 epoch, uint256 identityCommitment) public view returns (uint256 index) {
        return _subscription(epoch, identityCommitment).position - 1;
    }

    /// @inheritdoc ICWETiers
    function tierOf(uint64 epoch, uint256 identityCommitment) public view returns (bytes32) {
        return bytes32(uint256(_subscription(epoch, identityCommitment).tierId));
    }

    /// @inheritdoc ICWETiers
    function revenueOf(uint64 epoch, bytes32 tierId) external view returns (uint256 revenue, uint64 subscribers) {
        Revenue storage entry = _storage().revenue[epoch][tierId];
        return (entry.amount, entry.subscribers);
    }

    /// @inheritdoc ICWETiers
    function leafOf(bytes32 tierId, uint64 epoch, uint256 identityCommitment) public view returns (uint256) {
        return Poseidon.hash(identityCommitment, Field.tierEpoch(tierId, epoch));
    }

    /* internal */

    function _subscribe(uint64 epoch, bytes32 tierId, uint256 identityCommitment) private returns (uint256 index) {
        TiersStorage storage $ = _storage();
        Field.requireNonZero(identityCommitment);
        uint256 fee = _openFee(tierId, epoch);
        if (msg.value != fee) revert WrongFee(msg.value, fee);
        if ($.subscriptions[epoch][identityCommitment].position != 0) {
            revert AlreadySubscribed(epoch, identityCommitment);
        }

        uint256 leaf = leafOf(tierId, epoch, identityCommitment);
        index = $.trees[epoch].append(leaf);
        // forge-lint: disable-next-line(unsafe-typecast): a tier id has 184 bits, a position 21
        $.subscriptions[epoch][identityCommitment] = Subscription(uint184(uint256(tierId)), uint64(index + 1));
        _addRevenue($.revenue[epoch][tierId], fee);
        emit Subscribed(epoch, tierId, identityCommitment, index, leaf, msg.sender, fee);
    }

    function _subscription(uint64 epoch, uint256 identityCommitment)
        private
        view
        returns (Subscription memory subscription)
    {
        subscription = _storage().subscriptions[epoch][identityCommitment];
        if (subscription.position == 0) revert NotSubscribed(epoch, identityCommitment);
    }

    function _openFee(bytes32 tierId, uint64 epoch) private view returns (uint256 fee) {
        // forge-lint: disable-next-line(unsafe-typecast): the lowest field of a packed word
        fee = uint112(_storage().terms[tierId].at(epoch));
        if (fee == 0) revert UnknownTier(tierId, epoch);
    }

    /// @dev At most 2²⁰ fees below 2¹¹² an epoch: no overflow.
    function _addRevenue(Revenue storage entry, uint256 fee) private {
        // forge-lint: disable-next-line(unsafe-typecast): a fee has 112 bits
        entry.amount += uint192(fee);
        ++entry.subscribers;
    }

    function _withdrawRevenue(Revenue storage entry, uint256 fee) private {
        // forge-lint: disable-next-line(unsafe-typecast): a fee has 112 bits
        entry.amount -= uint192(fee);
        --entry.subscribers;
    }

    function _storage() private pure returns (TiersStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
