// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ICreatorRegistry
/// @notice Creators by their long-term key, which can stay offline: everything can be signed by it (EIP-712) and sent by
/// anybody, and daily work is done by delegates.
/// @dev `creatorId` = keccak256(x ‖ y) of the secp256k1 public key; its last 20 bytes are the key's address. Nothing is
/// ever removed: metadata pointers are a list, and delegations are events.
interface ICreatorRegistry {
    /// @notice A creator registered.
    event CreatorRegistered(bytes32 indexed creatorId, address indexed key, bytes32 x, bytes32 y);
    /// @notice The creator's metadata pointer number `index` is `metadata`.
    event MetadataAdded(bytes32 indexed creatorId, uint256 index, bytes32 metadata);
    /// @notice `delegate` may act for the creator in the roles of the bit mask `roles`; 0 ends it.
    event DelegateSet(bytes32 indexed creatorId, address indexed delegate, uint32 roles);

    /// @notice The creator is already registered.
    error CreatorExists(bytes32 creatorId);
    /// @notice There is no such creator.
    error UnknownCreator(bytes32 creatorId);
    /// @notice The signature is not the creator key's over this call, with its next nonce.
    error SignatureInvalid(address key);
    /// @notice Unix time `deadline` in seconds is past.
    error Expired(uint64 deadline);
    /// @notice The mask has bits of unknown roles.
    error RolesInvalid(uint32 roles);

    /// @notice Registers a creator by the coordinates of its public key.
    /// @param metadata Pointer: digest of a CID.
    /// @param signature The key's over `Register`; empty when the key's own account calls.
    function register(bytes32 x, bytes32 y, bytes32 metadata, bytes calldata signature)
        external
        returns (bytes32 creatorId);

    /// @notice Adds a metadata pointer, which becomes the current one.
    /// @param deadline Unix time in seconds: end of the signature.
    /// @param signature The key's over `AddMetadata`; empty when the key's own account calls.
    function addMetadata(bytes32 creatorId, bytes32 metadata, uint64 deadline, bytes calldata signature) external;

    /// @notice Gives an account roles, or takes them.
    /// @param roles Bits: 1 publish, 2 price, 4 sell.
    /// @param deadline Unix time in seconds: end of the signature.
    /// @param signature The key's over `SetDelegate`; empty when the key's own account calls.
    function setDelegate(bytes32 creatorId, address delegate, uint32 roles, uint64 deadline, bytes calldata signature)
        external;

    /// @notice Whether the account is the creator's key or a delegate with all these roles.
    function mayAct(bytes32 creatorId, address account, uint32 roles) external view returns (bool);

    /// @notice The creator whose key has this address, 0 for none.
    function creatorOf(address key) external view returns (bytes32);

    /// @notice Address of the creator's key; reverts for an unknown creator.
    function keyOf(bytes32 creatorId) external view returns (address);

    /// @notice Roles of a delegate.
    function rolesOf(bytes32 creatorId, address delegate) external view returns (uint32);

    /// @notice All metadata pointers, oldest first.
    function metadataOf(bytes32 creatorId) external view returns (bytes32[] memory);

    /// @notice Nonce of the creator key's next signature.
    function nonceOf(bytes32 creatorId) external view returns (uint256);
}
