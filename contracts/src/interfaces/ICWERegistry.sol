// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @notice One payee of a work.
struct Payee {
    address payable account;
    /// @dev Parts per million of what the work earns.
    uint96 share;
}

/// @title ICWERegistry
/// @notice The works: who made them, who is paid, what a minute costs. Hashes and pointers only.
/// @dev A work id is 32 bytes with a zero top byte, so that it is a field element. Each payee must agree to each version
/// of a work, by being the caller, by a call (`setConsent`) beforehand, or by an EIP-712 signature. Versions and price
/// changes apply from the next epoch on.
///
/// A content id and an FP_ID belong to the first work that shows them, and whoever watches pending transactions sees
/// them a moment before. So they are claimed in two steps: first `announce` with the hash of creator and content, which
/// tells nothing, and registration only after `claimDelaySecs`. Who reads them in a registration has announced nothing,
/// and is too late by that delay. (No salt: the digest of an encrypted file and the hash of its descriptor cannot be
/// guessed by who does not have them, and who has them needs no hint.) A delay above the L1 inbox's `forceAfter` also
/// binds the sequencer, which could hold a registration back for that long. A bare work id is not protected: it is a
/// random number without worth, so a creator whose id was taken takes another one; the announcement stays good.
interface ICWERegistry {
    /// @notice What may become of a work.
    enum Status {
        None,
        Active,
        Deprecated,
        Blacklisted
    }

    /// @notice What a version of a work is, by reference.
    struct Content {
        /// @dev CIDv1 digest of the encrypted file; zero when not published here.
        bytes32 contentId;
        /// @dev Hash of the manifest.
        bytes32 manifestId;
        /// @dev The 256-bit fingerprint sketch; zero when there is none.
        bytes32 fpId;
        /// @dev Hash of the full fingerprint descriptor.
        bytes32 fpHash;
        /// @dev Tier requirements: bit mask of the access classes of {ICWETiers}; any of them suffices.
        uint48 accessClasses;
    }

    /// @notice A payee's signed agreement. An empty signature stands for one given by a call.
    struct Consent {
        /// @dev Unix time in seconds: end of the signature.
        uint64 deadline;
        bytes signature;
    }

    /// @notice The work as a whole.
    struct Work {
        bytes32 creatorId;
        uint64 registeredAt;
        /// @dev Position in the commitment tree.
        uint32 index;
        /// @dev Number of the newest version, from 1.
        uint32 version;
        Status status;
        /// @dev Who set the status last, and the hash of the reason.
        address statusBy;
        bytes32 statusReason;
    }

    /// @notice A minute's price in an epoch.
    struct Terms {
        /// @dev Micro-CLN a minute.
        uint64 pricePerMin;
        bytes32 regionRule;
    }

    /// @notice A work was registered.
    event WorkRegistered(bytes32 indexed workId, bytes32 indexed creatorId, uint32 index);
    /// @notice Version `version` applies from epoch `fromEpoch` on.
    event VersionAdded(
        bytes32 indexed workId, uint32 indexed version, uint64 indexed fromEpoch, Content content, Payee[] payees
    );
    /// @notice The price of a minute, in micro-CLN, and the region rule from epoch `fromEpoch` on.
    event TermsSet(bytes32 indexed workId, uint64 indexed fromEpoch, uint64 pricePerMin, bytes32 regionRule);
    /// @notice A work's leaf in the commitment tree changed.
    event CommitmentChanged(uint64 indexed epoch, uint32 indexed index, bytes32 leaf, bytes32 root);
    /// @notice Somebody announced a claim to a content and a fingerprint, by its hash.
    event ClaimAnnounced(bytes32 indexed claim);
    /// @notice The status of a work was set by `by`, for the reason with this hash.
    event StatusSet(bytes32 indexed workId, Status status, address indexed by, bytes32 reason);
    /// @notice `payee` gave or took back its agreement to a share.
    event ConsentSet(
        address indexed payee, bytes32 indexed workId, uint32 version, bytes32 creatorId, uint96 share, bool agreed
    );

    /// @notice A work id is non-zero and its top byte is zero.
    error WorkIdInvalid(bytes32 workId);
    /// @notice The work id is taken.
    error WorkExists(bytes32 workId);
    /// @notice There is no such work.
    error UnknownWork(bytes32 workId);
    /// @notice Work `workId` already has this content id.
    error DuplicateContent(bytes32 contentId, bytes32 workId);
    /// @notice Work `workId` already has this FP_ID.
    error DuplicateFingerprint(bytes32 fpId, bytes32 workId);
    /// @notice A new content id or FP_ID was not announced: `announce(claim)` comes first.
    error ClaimNotAnnounced(bytes32 claim);
    /// @notice The claim was announced too recently; it counts from Unix time `countsAt` in seconds on.
    error ClaimTooRecent(bytes32 claim, uint256 countsAt);
    /// @notice A delay of claims is 1 … `maximum` seconds.
    error ClaimDelayInvalid(uint64 delaySecs, uint64 maximum);
    /// @notice `payees` and `splits` or `consents` differ in length.
    error LengthMismatch(uint256 payees, uint256 others);
    /// @notice The price does not fit 64 bits.
    error PriceTooHigh(uint256 pricePerMin);
    /// @notice The creator has no active creator credential.
    error CreatorNotActive(bytes32 creatorId);
    /// @notice The caller is neither the creator's key nor a delegate in the role needed.
    error NotCreator(address caller, bytes32 creatorId);
    /// @notice The payee has not agreed to this share of this version.
    error ConsentMissing(address payee);
    /// @notice The payee's signature expired at `deadline`, Unix time in seconds.
    error ConsentExpired(address payee, uint64 deadline);
    /// @notice The signature is not the payee's over this work, version, creator and share on this chain and contract.
    error ConsentInvalid(address payee);
    /// @notice The caller may not change the status in this way.
    error StatusInvalid(Status current, Status wanted);
    /// @notice The work is blacklisted.
    error WorkBlacklisted(bytes32 workId);

    /// @notice Registers a work of the caller, which must be a creator's key. Payees other than the caller must have
    /// agreed with `setConsent`. Content can be added as the next version.
    /// @param workId New id.
    /// @param payees Whom the work pays.
    /// @param splits Their shares in ppm, adding up to 1 000 000.
    /// @param pricePerMin Micro-CLN a minute.
    /// @param regionRule Rule of the region table.
    function registerWork(
        bytes32 workId,
        address payable[] memory payees,
        uint96[] memory splits,
        uint256 pricePerMin,
        bytes32 regionRule
    ) external;

    /// @notice Announces a claim. Anybody may; announcing again changes nothing.
    /// @param claim `claimOf(creatorId, content)`.
    function announce(bytes32 claim) external;

    /// @notice Registers a work with its content, announced before, and signed consents. The creator's key or a delegate
    /// with the role to publish.
    /// @param consents One for each payee, in their order.
    function registerWorkWithConsents(
        bytes32 workId,
        bytes32 creatorId,
        Content calldata content,
        Payee[] calldata payees,
        Consent[] calldata consents,
        Terms calldata terms
    ) external;

    /// @notice Adds a version: content and payees from the next epoch on. A content id or FP_ID that is not the work's yet
    /// must have been announced.
    function addVersion(bytes32 workId, Content calldata content, Payee[] calldata payees, Consent[] calldata consents)
        external;

    /// @notice Sets price and region rule from the next epoch on. The creator's key or a delegate with the role to price.
    function setTerms(bytes32 workId, Terms calldata terms) external;

    /// @notice Deprecates a work or makes it active again (creator), or anything (owner).
    /// @param reason Hash of the reason.
    function setStatus(bytes32 workId, Status status, bytes32 reason) external;

    /// @notice The caller agrees to be a payee with this share of this version, or takes that back.
    function setConsent(bytes32 workId, uint32 version, bytes32 creatorId, uint96 share, bool agreed) external;

    /// @notice The work; reverts when unknown.
    function workOf(bytes32 workId) external view returns (Work memory);

    /// @notice Content of a version.
    function contentOf(bytes32 workId, uint32 version) external view returns (Content memory);

    /// @notice Number of the version that applies in an epoch, 0 before the first.
    function versionAt(bytes32 workId, uint64 epoch) external view returns (uint32);

    /// @notice Payees in an epoch. Before a work's first epoch: those of the first version.
    function payeesAt(bytes32 workId, uint64 epoch) external view returns (Payee[] memory);

    /// @notice Price and region rule in an epoch; all zero before the first.
    function termsAt(bytes32 workId, uint64 epoch) external view returns (Terms memory);

    /// @notice Work with this content id, 0 for none.
    function workWithContent(bytes32 contentId) external view returns (bytes32);

    /// @notice Work with this FP_ID, 0 for none.
    function workWithFingerprint(bytes32 fpId) external view returns (bytes32);

    /// @notice What a creator announces before it shows a content:
    /// `keccak256(abi.encode(uint256 chainId, address registry, bytes32 creatorId, Content content))`.
    function claimOf(bytes32 creatorId, Content calldata content) external view returns (bytes32);

    /// @notice Unix time in seconds at which a claim was announced; 0 when it was not, or has been used.
    function announcedAt(bytes32 claim) external view returns (uint64);

    /// @notice Seconds that must pass between announcement and registration.
    function claimDelaySecs() external view returns (uint64);

    /// @notice What aggregates of an epoch check prices against: `keccak256(abi.encode(works root, region table))`.
    /// Final when the epoch is over.
    function registryCommitment(uint64 epoch) external view returns (bytes32);

    /// @notice Root of the tree of works as of the end of an epoch. Leaf: `keccak256(abi.encode(bytes32 workId,
    /// uint64 registeredAt, uint64 fromEpoch, uint64 pricePerMin, bytes32 regionRule, uint64 previousPricePerMin,
    /// bytes32 previousRegionRule))`; before `fromEpoch` the previous terms hold. Depth 24, keccak256(left ‖ right),
    /// empty leaf 0.
    function worksRoot(uint64 epoch) external view returns (bytes32);

    /// @notice EIP-712 digest that a payee signs.
    function consentDigest(
        bytes32 workId,
        uint32 version,
        bytes32 creatorId,
        address payee,
        uint96 share,
        uint64 deadline
    ) external view returns (bytes32);
}
