// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ICWEIdentity
/// @notice Who may register works, vote, judge, run nodes. An account holds at most one credential of each class; of a
/// credential only a commitment is on chain, never what it says about a person.
/// @dev A credential counts while it is active, not expired, and its issuer is still the issuer it was: taking a class
/// from an issuer ends everything it issued in it, also if it gets the class back later.
interface ICWEIdentity {
    /// @notice What an account is known to be.
    enum Class {
        Creator,
        Person,
        NodeOperator,
        Auditor,
        Issuer
    }

    /// @notice `Pending`: applied for. `Revoked` is final for this credential; a new one may follow.
    enum State {
        None,
        Pending,
        Active,
        Suspended,
        Revoked
    }

    /// @notice A credential.
    struct Credential {
        /// @dev Hash of the off-chain credential; never used twice in a class.
        bytes32 commitment;
        address issuer;
        /// @dev Unix time in seconds.
        uint64 expiresAt;
        /// @dev Of the issuer in this class when it issued.
        uint24 generation;
        State state;
    }

    /// @notice What an issuer signs (EIP-712).
    struct Issuance {
        address issuer;
        address subject;
        Class class;
        bytes32 commitment;
        /// @dev Unix time in seconds: end of the credential.
        uint64 expiresAt;
        /// @dev Unix time in seconds: end of the signature.
        uint64 deadline;
    }

    /// @notice `issuer` may issue the classes of the bit mask `classes` (bit number = class); 0 removes it.
    event IssuerSet(address indexed issuer, uint8 classes);
    /// @notice `subject` applied for a credential.
    event CredentialRequested(address indexed subject, Class indexed class, bytes32 commitment);
    /// @notice A credential became active.
    event CredentialIssued(
        address indexed subject, Class indexed class, address indexed issuer, bytes32 commitment, uint64 expiresAt
    );
    /// @notice A credential was suspended, reinstated or revoked by `by`.
    event CredentialStateChanged(address indexed subject, Class indexed class, State state, address by);

    /// @notice The account may not issue this class.
    error NotIssuer(address account, Class class);
    /// @notice Only governance makes issuers, with `setIssuer`.
    error ClassNotIssuable(Class class);
    /// @notice The mask has bits of unknown classes, or that of `Issuer`.
    error ClassesInvalid(uint8 classes);
    /// @notice The commitment is zero or has been used in this class.
    error CommitmentInvalid(bytes32 commitment);
    /// @notice Unix time `given` in seconds is past.
    error Expired(uint64 given);
    /// @notice The signature is not the issuer's over this issuance on this chain and contract.
    error SignatureInvalid(address issuer);
    /// @notice The subject holds a valid or suspended credential of this class.
    error CredentialExists(address subject, Class class);
    /// @notice The change from `current` to `wanted` is not possible.
    error StateInvalid(State current, State wanted);
    /// @notice Neither governance nor the credential's (present) issuer.
    error NotInCharge(address caller);

    /// @notice Adds an issuer, changes what it may issue, or removes it (0). Owner only.
    /// @param issuer An account, or a contract with ERC-1271.
    /// @param classes Bit mask of classes; `Issuer` cannot be among them.
    function setIssuer(address issuer, uint8 classes) external;

    /// @notice Applies for a credential: the caller's state becomes pending until an issuer acts.
    function request(Class class, bytes32 commitment) external;

    /// @notice Makes a credential active. Anybody may relay an issuer's signature; an issuer itself needs none.
    function issue(Issuance calldata issuance, bytes calldata signature) external;

    /// @notice Suspends or revokes a credential, or reinstates a suspended one. Its issuer or governance.
    function setState(address subject, Class class, State state) external;

    /// @notice Whether the account has a valid credential of this class now.
    function isActive(address account, Class class) external view returns (bool);

    /// @notice The account's credential of a class.
    function credentialOf(address account, Class class) external view returns (Credential memory);

    /// @notice Bit mask of what an issuer may issue.
    function classesOf(address issuer) external view returns (uint8);

    /// @notice How often the class was taken from the issuer.
    function generationOf(address issuer, Class class) external view returns (uint24);

    /// @notice EIP-712 digest that an issuer signs.
    function issuanceDigest(Issuance calldata issuance) external view returns (bytes32);
}
