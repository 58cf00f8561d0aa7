// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEIdentity} from "../interfaces/ICWEIdentity.sol";
import {Governed} from "../libraries/Governed.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title CWEIdentity
/// @notice See {ICWEIdentity}. A commitment serves once in a class: that makes an issuance a one-time paper, and one
/// human one credential as far as issuers derive the commitment from the human.
contract CWEIdentity is ICWEIdentity, Governed, EIP712Upgradeable {
    bytes32 private constant ISSUANCE_TYPEHASH = keccak256(
        "Issuance(address issuer,address subject,uint8 class,bytes32 commitment,uint64 expiresAt,uint64 deadline)"
    );
    /// @dev One bit for each class but `Issuer`.
    uint8 private constant ISSUABLE = 0x0f;

    struct Issuer {
        uint8 classes;
        /// @dev By class: how often it was taken away.
        uint24[5] generations;
    }

    /// @custom:storage-location erc7201:cwe.identity
    struct IdentityStorage {
        mapping(address account => Issuer) issuers;
        mapping(address subject => mapping(Class class => Credential)) credentials;
        mapping(Class class => mapping(bytes32 commitment => bool)) used;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.identity")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xd6dcc1c4e0891a9cac094187cb1b1729e7c3868835beab054f6c7a0f85851a00;

    /// @param owner_ The timelock.
    function initialize(address owner_) external initializer {
        __Ownable_init(owner_);
        __EIP712_init("CWEIdentity", "1");
    }

    /// @inheritdoc ICWEIdentity
    function setIssuer(address issuer, uint8 classes) external onlyOwner {
        _requireNonZero(issuer);
        if (classes & ~ISSUABLE != 0) revert ClassesInvalid(classes);
        Issuer storage entry = _storage().issuers[issuer];
        uint8 taken = entry.classes & ~classes;
        for (uint256 class = 0; class < entry.generations.length; ++class) {
            if ((taken >> class) & 1 == 1) ++entry.generations[class];
        }
        entry.classes = classes;
        emit IssuerSet(issuer, classes);
    }

    /// @inheritdoc ICWEIdentity
    function request(Class class, bytes32 commitment) external {
        _requireIssuable(class);
        _requireVacant(msg.sender, class);
        if (commitment == 0 || _storage().used[class][commitment]) revert CommitmentInvalid(commitment);
        Credential storage credential = _storage().credentials[msg.sender][class];
        delete _storage().credentials[msg.sender][class];
        credential.commitment = commitment;
        credential.state = State.Pending;
        emit CredentialRequested(msg.sender, class, commitment);
    }

    /// @inheritdoc ICWEIdentity
    function issue(Issuance calldata issuance, bytes calldata signature) external {
        IdentityStorage storage $ = _storage();
        _requireIssuable(issuance.class);
        _requireNonZero(issuance.subject);
        if (!_mayIssue(issuance.issuer, issuance.class)) revert NotIssuer(issuance.issuer, issuance.class);
        if (block.timestamp >= issuance.deadline) revert Expired(issuance.deadline);
        if (block.timestamp >= issuance.expiresAt) revert Expired(issuance.expiresAt);
        if (issuance.commitment == 0 || $.used[issuance.class][issuance.commitment]) {
            revert CommitmentInvalid(issuance.commitment);
        }
        _requireVacant(issuance.subject, issuance.class);
        if (msg.sender != issuance.issuer) _requireSignature(issuance, signature);

        $.used[issuance.class][issuance.commitment] = true;
        $.credentials[issuance.subject][issuance.class] = Credential({
            commitment: issuance.commitment,
            issuer: issuance.issuer,
            expiresAt: issuance.expiresAt,
            generation: generationOf(issuance.issuer, issuance.class),
            state: State.Active
        });
        emit CredentialIssued(
            issuance.subject, issuance.class, issuance.issuer, issuance.commitment, issuance.expiresAt
        );
    }

    /// @inheritdoc ICWEIdentity
    function setState(address subject, Class class, State state) external {
        Credential storage credential = _storage().credentials[subject][class];
        State current = credential.state;
        bool isIssuer = msg.sender == credential.issuer && _isIssuerUnchanged(credential, class);
        if (msg.sender != owner() && !isIssuer) revert NotInCharge(msg.sender);
        bool possible = (current == State.Active && (state == State.Suspended || state == State.Revoked))
            || (current == State.Suspended && (state == State.Active || state == State.Revoked));
        if (!possible) revert StateInvalid(current, state);
        credential.state = state;
        emit CredentialStateChanged(subject, class, state, msg.sender);
    }

    /* views */

    /// @inheritdoc ICWEIdentity
    function isActive(address account, Class class) external view returns (bool) {
        if (class == Class.Issuer) return _storage().issuers[account].classes != 0;
        Credential storage credential = _storage().credentials[account][class];
        return credential.state == State.Active && _isRunning(credential, class);
    }

    /// @inheritdoc ICWEIdentity
    function credentialOf(address account, Class class) external view returns (Credential memory) {
        return _storage().credentials[account][class];
    }

    /// @inheritdoc ICWEIdentity
    function classesOf(address issuer) external view returns (uint8) {
        return _storage().issuers[issuer].classes;
    }

    /// @inheritdoc ICWEIdentity
    function generationOf(address issuer, Class class) public view returns (uint24) {
        return _storage().issuers[issuer].generations[uint8(class)];
    }

    /// @inheritdoc ICWEIdentity
    function issuanceDigest(Issuance calldata issuance) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ISSUANCE_TYPEHASH,
                    issuance.issuer,
                    issuance.subject,
                    issuance.class,
                    issuance.commitment,
                    issuance.expiresAt,
                    issuance.deadline
                )
            )
        );
    }

    /* internal */

    function _requireIssuable(Class class) private pure {
        if (class == Class.Issuer) revert ClassNotIssuable(class);
    }

    /// @dev A suspended credential is in the way as long as it runs: else a fresh one would undo the suspension.
    function _requireVacant(address subject, Class class) private view {
        Credential storage credential = _storage().credentials[subject][class];
        bool holds = credential.state == State.Active || credential.state == State.Suspended;
        if (holds && _isRunning(credential, class)) revert CredentialExists(subject, class);
    }

    function _requireSignature(Issuance calldata issuance, bytes calldata signature) private view {
        if (!SignatureChecker.isValidSignatureNowCalldata(issuance.issuer, issuanceDigest(issuance), signature)) {
            revert SignatureInvalid(issuance.issuer);
        }
    }

    function _isRunning(Credential storage credential, Class class) private view returns (bool) {
        return block.timestamp < credential.expiresAt && _isIssuerUnchanged(credential, class);
    }

    function _isIssuerUnchanged(Credential storage credential, Class class) private view returns (bool) {
        address issuer = credential.issuer;
        return _mayIssue(issuer, class) && generationOf(issuer, class) == credential.generation;
    }

    function _mayIssue(address issuer, Class class) private view returns (bool) {
        return (_storage().issuers[issuer].classes >> uint8(class)) & 1 == 1;
    }

    function _storage() private pure returns (IdentityStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
