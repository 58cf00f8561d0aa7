// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICreatorRegistry} from "../interfaces/ICreatorRegistry.sol";
import {Governed} from "../libraries/Governed.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title CreatorRegistry
/// @notice See {ICreatorRegistry}. That a public key is real needs no check of its own: only the key behind it can call
/// from, or sign for, the address that its hash gives.
contract CreatorRegistry is ICreatorRegistry, Governed, EIP712Upgradeable {
    bytes32 private constant REGISTER_TYPEHASH = keccak256("Register(bytes32 x,bytes32 y,bytes32 metadata)");
    bytes32 private constant METADATA_TYPEHASH =
        keccak256("AddMetadata(bytes32 creatorId,bytes32 metadata,uint256 nonce,uint64 deadline)");
    bytes32 private constant DELEGATE_TYPEHASH =
        keccak256("SetDelegate(bytes32 creatorId,address delegate,uint32 roles,uint256 nonce,uint64 deadline)");
    uint32 private constant ALL_ROLES = 7;

    struct Creator {
        bytes32[] metadata;
        uint256 nonce;
        mapping(address delegate => uint32) roles;
    }

    /// @custom:storage-location erc7201:cwe.creator-registry
    struct CreatorRegistryStorage {
        mapping(bytes32 creatorId => Creator) creators;
        mapping(address key => bytes32) creatorOf;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.creator-registry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x1bccce42b6a87039456ec21524d02b2d7e6b899aecf8ee06bc804e0fd6481f00;

    /// @param owner_ The timelock.
    function initialize(address owner_) external initializer {
        __Ownable_init(owner_);
        __EIP712_init("CWECreatorRegistry", "1");
    }

    /// @inheritdoc ICreatorRegistry
    function register(bytes32 x, bytes32 y, bytes32 metadata, bytes calldata signature)
        external
        returns (bytes32 creatorId)
    {
        creatorId = keccak256(abi.encode(x, y));
        address key = _address(creatorId);
        CreatorRegistryStorage storage $ = _storage();
        if ($.creatorOf[key] != 0) revert CreatorExists(creatorId);
        if (msg.sender != key) {
            _requireSignature(key, keccak256(abi.encode(REGISTER_TYPEHASH, x, y, metadata)), signature);
        }
        $.creatorOf[key] = creatorId;
        emit CreatorRegistered(creatorId, key, x, y);
        _addMetadata(creatorId, metadata);
    }

    /// @inheritdoc ICreatorRegistry
    function addMetadata(bytes32 creatorId, bytes32 metadata, uint64 deadline, bytes calldata signature) external {
        address key = keyOf(creatorId);
        if (msg.sender != key) {
            uint256 nonce = _useNonce(creatorId, deadline);
            bytes32 hash = keccak256(abi.encode(METADATA_TYPEHASH, creatorId, metadata, nonce, deadline));
            _requireSignature(key, hash, signature);
        }
        _addMetadata(creatorId, metadata);
    }

    /// @inheritdoc ICreatorRegistry
    function setDelegate(bytes32 creatorId, address delegate, uint32 roles, uint64 deadline, bytes calldata signature)
        external
    {
        address key = keyOf(creatorId);
        _requireNonZero(delegate);
        if (roles > ALL_ROLES) revert RolesInvalid(roles);
        if (msg.sender != key) {
            uint256 nonce = _useNonce(creatorId, deadline);
            bytes32 hash = keccak256(abi.encode(DELEGATE_TYPEHASH, creatorId, delegate, roles, nonce, deadline));
            _requireSignature(key, hash, signature);
        }
        _storage().creators[creatorId].roles[delegate] = roles;
        emit DelegateSet(creatorId, delegate, roles);
    }

    /* views */

    /// @inheritdoc ICreatorRegistry
    function mayAct(bytes32 creatorId, address account, uint32 roles) external view returns (bool) {
        CreatorRegistryStorage storage $ = _storage();
        address key = _address(creatorId);
        if (creatorId == 0 || $.creatorOf[key] != creatorId) return false;
        return account == key || (roles != 0 && $.creators[creatorId].roles[account] & roles == roles);
    }

    /// @inheritdoc ICreatorRegistry
    function creatorOf(address key) external view returns (bytes32) {
        return _storage().creatorOf[key];
    }

    /// @inheritdoc ICreatorRegistry
    function keyOf(bytes32 creatorId) public view returns (address key) {
        key = _address(creatorId);
        if (creatorId == 0 || _storage().creatorOf[key] != creatorId) revert UnknownCreator(creatorId);
    }

    /// @inheritdoc ICreatorRegistry
    function rolesOf(bytes32 creatorId, address delegate) external view returns (uint32) {
        return _storage().creators[creatorId].roles[delegate];
    }

    /// @inheritdoc ICreatorRegistry
    function metadataOf(bytes32 creatorId) external view returns (bytes32[] memory) {
        return _storage().creators[creatorId].metadata;
    }

    /// @inheritdoc ICreatorRegistry
    function nonceOf(bytes32 creatorId) external view returns (uint256) {
        return _storage().creators[creatorId].nonce;
    }

    /* internal */

    function _addMetadata(bytes32 creatorId, bytes32 metadata) private {
        bytes32[] storage list = _storage().creators[creatorId].metadata;
        list.push(metadata);
        emit MetadataAdded(creatorId, list.length - 1, metadata);
    }

    function _useNonce(bytes32 creatorId, uint64 deadline) private returns (uint256) {
        if (block.timestamp >= deadline) revert Expired(deadline);
        return _storage().creators[creatorId].nonce++;
    }

    function _requireSignature(address key, bytes32 structHash, bytes calldata signature) private view {
        // The third value explains an error that has no more to say than its kind.
        // slither-disable-next-line unused-return
        (address signer, ECDSA.RecoverError error,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(structHash), signature);
        if (error != ECDSA.RecoverError.NoError || signer != key) revert SignatureInvalid(key);
    }

    function _address(bytes32 creatorId) private pure returns (address) {
        return address(uint160(uint256(creatorId)));
    }

    function _storage() private pure returns (CreatorRegistryStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
