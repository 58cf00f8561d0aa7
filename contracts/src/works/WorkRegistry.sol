// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEIdentity} from "../interfaces/ICWEIdentity.sol";
import {ICWERegistry, Payee} from "../interfaces/ICWERegistry.sol";
import {ICreatorRegistry} from "../interfaces/ICreatorRegistry.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {IRegionRules} from "../interfaces/IRegionRules.sol";
import {CommitmentTree} from "../libraries/CommitmentTree.sol";
import {EpochHistory} from "../libraries/EpochHistory.sol";
import {Field} from "../libraries/Field.sol";
import {Governed} from "../libraries/Governed.sol";
import {Splits} from "../libraries/Splits.sol";
import {SplitConsents} from "./SplitConsents.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title WorkRegistry
/// @notice See {ICWERegistry}. Every past epoch's payees and prices stay readable: payouts and proofs look back.
contract WorkRegistry is ICWERegistry, Governed, SplitConsents {
    using CommitmentTree for CommitmentTree.Tree;
    using EpochHistory for EpochHistory.History;
    using Checkpoints for Checkpoints.Trace256;

    /// @notice Bound of the delay between announcement and registration.
    uint64 public constant MAX_CLAIM_DELAY_SECS = 7 days;
    uint32 private constant ROLE_PUBLISH = 1;
    uint32 private constant ROLE_PRICE = 2;

    struct Version {
        Content content;
        Payee[] payees;
    }

    struct Entry {
        Work work;
        mapping(uint32 version => Version) versions;
        EpochHistory.History versionOf;
        /// @dev `price · 2¹⁶ + number of the region rule`.
        EpochHistory.History terms;
    }

    /// @custom:storage-location erc7201:cwe.work-registry
    struct WorkRegistryStorage {
        ICWEIdentity identity;
        ICreatorRegistry creators;
        IEpochClock clock;
        uint64 claimDelaySecs;
        IRegionRules regions;
        mapping(bytes32 workId => Entry) entries;
        mapping(bytes32 contentId => bytes32) workWithContent;
        mapping(bytes32 fpId => bytes32) workWithFingerprint;
        CommitmentTree.Tree tree;
        Checkpoints.Trace256 roots;
        mapping(bytes32 claim => uint64) announcedAt;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.work-registry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x2fab098307e3280dc31a929bdbeab10527bd88bba41d36c044fb26bf58f62000;

    /// @param owner_ The timelock.
    /// @param identity_ Who is a creator.
    /// @param creators_ Their keys and delegates.
    /// @param clock_ The epochs.
    /// @param regions_ The region table.
    /// @param claimDelaySecs_ Seconds between announcement and registration, see {ICWERegistry}.
    function initialize(
        address owner_,
        address identity_,
        address creators_,
        address clock_,
        address regions_,
        uint64 claimDelaySecs_
    ) external initializer {
        _requireNonZero(identity_);
        _requireNonZero(creators_);
        _requireNonZero(clock_);
        _requireNonZero(regions_);
        if (claimDelaySecs_ == 0 || claimDelaySecs_ > MAX_CLAIM_DELAY_SECS) {
            revert ClaimDelayInvalid(claimDelaySecs_, MAX_CLAIM_DELAY_SECS);
        }
        __Ownable_init(owner_);
        __EIP712_init("CWEWorkRegistry", "1");
        WorkRegistryStorage storage $ = _storage();
        $.identity = ICWEIdentity(identity_);
        $.creators = ICreatorRegistry(creators_);
        $.clock = IEpochClock(clock_);
        $.regions = IRegionRules(regions_);
        $.claimDelaySecs = claimDelaySecs_;
    }

    /* creators */

    /// @inheritdoc ICWERegistry
    function registerWork(
        bytes32 workId,
        address payable[] calldata payees,
        uint96[] calldata splits,
        uint256 pricePerMin,
        bytes32 regionRule
    ) external {
        if (payees.length != splits.length) {
            revert LengthMismatch(payees.length, splits.length);
        }
        if (payees.length > Splits.MAX_PAYEES) revert Splits.PayeeCountInvalid(payees.length, Splits.MAX_PAYEES);
        if (pricePerMin > type(uint64).max) revert PriceTooHigh(pricePerMin);
        Payee[] memory list = new Payee[](payees.length);
        for (uint256 i = 0; i < payees.length; ++i) {
            list[i] = Payee(payees[i], splits[i]);
        }
        Content memory none = Content(0, 0, 0, 0, 0);
        // forge-lint: disable-next-line(unsafe-typecast): bounded above
        Terms memory terms = Terms(uint64(pricePerMin), regionRule);
        _register(workId, _storage().creators.creatorOf(msg.sender), none, list, new Consent[](list.length), terms);
    }

    /// @inheritdoc ICWERegistry
    function announce(bytes32 claim) external {
        WorkRegistryStorage storage $ = _storage();
        if ($.announcedAt[claim] != 0) return;
        $.announcedAt[claim] = uint64(block.timestamp);
        emit ClaimAnnounced(claim);
    }

    /// @inheritdoc ICWERegistry
    function registerWorkWithConsents(
        bytes32 workId,
        bytes32 creatorId,
        Content calldata content,
        Payee[] calldata payees,
        Consent[] calldata consents,
        Terms calldata terms
    ) external {
        _register(workId, creatorId, content, payees, consents, terms);
    }

    /// @inheritdoc ICWERegistry
    function addVersion(bytes32 workId, Content calldata content, Payee[] calldata payees, Consent[] calldata consents)
        external
    {
        Work storage work = _entry(workId).work;
        _requireCreator(work.creatorId, ROLE_PUBLISH);
        if (work.status == Status.Blacklisted) revert WorkBlacklisted(workId);
        uint32 version = ++work.version;
        _addVersion(workId, version, _storage().clock.currentEpoch() + 1, content, payees, consents);
    }

    /// @inheritdoc ICWERegistry
    function setTerms(bytes32 workId, Terms calldata terms) external {
        Entry storage entry = _entry(workId);
        _requireCreator(entry.work.creatorId, ROLE_PRICE);
        uint64 epoch = _storage().clock.currentEpoch();
        _setTerms(workId, epoch + 1, terms);
        bytes32 leaf = _leaf(workId, entry.work.registeredAt, epoch + 1, terms, termsAt(workId, epoch));
        _commit(epoch, entry.work.index, leaf, _storage().tree.set(entry.work.index, leaf));
    }

    /// @inheritdoc ICWERegistry
    function setStatus(bytes32 workId, Status status, bytes32 reason) external {
        Work storage work = _entry(workId).work;
        if (status == Status.None || status == work.status) revert StatusInvalid(work.status, status);
        if (msg.sender != owner()) {
            _requireCreator(work.creatorId, ROLE_PUBLISH);
            bool governed = status == Status.Blacklisted || work.status == Status.Blacklisted;
            if (governed) revert StatusInvalid(work.status, status);
        }
        work.status = status;
        work.statusBy = msg.sender;
        work.statusReason = reason;
        emit StatusSet(workId, status, msg.sender, reason);
    }

    /* views */

    /// @inheritdoc ICWERegistry
    function workOf(bytes32 workId) external view returns (Work memory) {
        return _entry(workId).work;
    }

    /// @inheritdoc ICWERegistry
    function contentOf(bytes32 workId, uint32 version) external view returns (Content memory) {
        return _entry(workId).versions[version].content;
    }

    /// @inheritdoc ICWERegistry
    function versionAt(bytes32 workId, uint64 epoch) public view returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast): stored from 32 bits
        return uint32(_entry(workId).versionOf.at(epoch));
    }

    /// @inheritdoc ICWERegistry
    function payeesAt(bytes32 workId, uint64 epoch) external view returns (Payee[] memory) {
        uint32 version = versionAt(workId, epoch);
        return _storage().entries[workId].versions[version == 0 ? 1 : version].payees;
    }

    /// @inheritdoc ICWERegistry
    function termsAt(bytes32 workId, uint64 epoch) public view returns (Terms memory terms) {
        uint256 packed = _entry(workId).terms.at(epoch);
        if (packed == 0) return terms;
        // forge-lint: disable-next-line(unsafe-typecast): fields of a packed word
        return Terms(uint64(packed >> 16), _storage().regions.ruleAt(uint16(packed)));
    }

    /// @inheritdoc ICWERegistry
    function workWithContent(bytes32 contentId) external view returns (bytes32) {
        return _storage().workWithContent[contentId];
    }

    /// @inheritdoc ICWERegistry
    function workWithFingerprint(bytes32 fpId) external view returns (bytes32) {
        return _storage().workWithFingerprint[fpId];
    }

    /// @inheritdoc ICWERegistry
    function claimOf(bytes32 creatorId, Content memory content) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), creatorId, content));
    }

    /// @inheritdoc ICWERegistry
    function announcedAt(bytes32 claim) external view returns (uint64) {
        return _storage().announcedAt[claim];
    }

    /// @inheritdoc ICWERegistry
    function claimDelaySecs() external view returns (uint64) {
        return _storage().claimDelaySecs;
    }

    /// @inheritdoc ICWERegistry
    function registryCommitment(uint64 epoch) external view returns (bytes32) {
        return keccak256(abi.encode(worksRoot(epoch), _storage().regions.rowsOf(epoch)));
    }

    /// @inheritdoc ICWERegistry
    function worksRoot(uint64 epoch) public view returns (bytes32) {
        return bytes32(_storage().roots.upperLookupRecent(epoch));
    }

    /* internal */

    function _register(
        bytes32 workId,
        bytes32 creatorId,
        Content memory content,
        Payee[] memory payees,
        Consent[] memory consents,
        Terms memory terms
    ) private {
        if (!Field.isWorkId(workId)) revert WorkIdInvalid(workId);
        WorkRegistryStorage storage $ = _storage();
        Work storage work = $.entries[workId].work;
        if (work.status != Status.None) revert WorkExists(workId);
        _requireCreator(creatorId, ROLE_PUBLISH);
        uint64 epoch = $.clock.currentEpoch();
        uint64 registeredAt = uint64(block.timestamp);
        bytes32 leaf = _leaf(workId, registeredAt, epoch, terms, terms);
        (uint256 index, bytes32 root) = $.tree.append(leaf);
        work.creatorId = creatorId;
        work.registeredAt = registeredAt;
        // forge-lint: disable-next-line(unsafe-typecast): below 2²⁴
        work.index = uint32(index);
        work.version = 1;
        work.status = Status.Active;
        work.statusBy = msg.sender;
        emit WorkRegistered(workId, creatorId, work.index);
        _addVersion(workId, 1, epoch, content, payees, consents);
        _setTerms(workId, epoch, terms);
        _commit(epoch, work.index, leaf, root);
    }

    function _addVersion(
        bytes32 workId,
        uint32 version,
        uint64 fromEpoch,
        Content memory content,
        Payee[] memory payees,
        Consent[] memory consents
    ) private {
        Splits.requireValid(payees);
        Entry storage entry = _storage().entries[workId];
        _requireConsents(workId, version, entry.work.creatorId, payees, consents);
        _claimContent(workId, entry.work.creatorId, content);
        Version storage stored = entry.versions[version];
        stored.content = content;
        for (uint256 i = 0; i < payees.length; ++i) {
            stored.payees.push(payees[i]);
        }
        entry.versionOf.set(fromEpoch, version);
        emit VersionAdded(workId, version, fromEpoch, content, payees);
    }

    /// @dev The first work to show a content or a fingerprint keeps it, over all its versions.
    function _claimContent(bytes32 workId, bytes32 creatorId, Content memory content) private {
        WorkRegistryStorage storage $ = _storage();
        bytes32 contentHolder = $.workWithContent[content.contentId];
        bytes32 fpHolder = $.workWithFingerprint[content.fpId];
        if (contentHolder != 0 && contentHolder != workId) revert DuplicateContent(content.contentId, contentHolder);
        if (fpHolder != 0 && fpHolder != workId) revert DuplicateFingerprint(content.fpId, fpHolder);
        bool newContent = content.contentId != 0 && contentHolder == 0;
        bool newFingerprint = content.fpId != 0 && fpHolder == 0;
        if (newContent || newFingerprint) _useClaim(claimOf(creatorId, content));
        if (newContent) $.workWithContent[content.contentId] = workId;
        if (newFingerprint) $.workWithFingerprint[content.fpId] = workId;
    }

    function _useClaim(bytes32 claim) private {
        WorkRegistryStorage storage $ = _storage();
        uint256 announced = $.announcedAt[claim];
        if (announced == 0) revert ClaimNotAnnounced(claim);
        uint256 countsAt = announced + $.claimDelaySecs;
        if (block.timestamp < countsAt) revert ClaimTooRecent(claim, countsAt);
        delete $.announcedAt[claim];
    }

    function _setTerms(bytes32 workId, uint64 fromEpoch, Terms memory terms) private {
        WorkRegistryStorage storage $ = _storage();
        uint16 rule = $.regions.indexOf(terms.regionRule);
        $.entries[workId].terms.set(fromEpoch, (uint208(terms.pricePerMin) << 16) | rule);
        emit TermsSet(workId, fromEpoch, terms.pricePerMin, terms.regionRule);
    }

    function _commit(uint64 epoch, uint32 index, bytes32 leaf, bytes32 root) private {
        // It returns the old and the new root; the old one is of no use here.
        // slither-disable-next-line unused-return
        _storage().roots.push(epoch, uint256(root));
        emit CommitmentChanged(epoch, index, leaf, root);
    }

    function _requireCreator(bytes32 creatorId, uint32 role) private view {
        WorkRegistryStorage storage $ = _storage();
        if (!$.creators.mayAct(creatorId, msg.sender, role)) revert NotCreator(msg.sender, creatorId);
        address key = $.creators.keyOf(creatorId);
        if (!$.identity.isActive(key, ICWEIdentity.Class.Creator)) revert CreatorNotActive(creatorId);
    }

    function _entry(bytes32 workId) private view returns (Entry storage entry) {
        entry = _storage().entries[workId];
        if (entry.work.status == Status.None) revert UnknownWork(workId);
    }

    function _leaf(bytes32 workId, uint64 registeredAt, uint64 fromEpoch, Terms memory terms, Terms memory previous)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                workId,
                registeredAt,
                fromEpoch,
                terms.pricePerMin,
                terms.regionRule,
                previous.pricePerMin,
                previous.regionRule
            )
        );
    }

    function _storage() private pure returns (WorkRegistryStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
