// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry, Payee} from "../interfaces/ICWERegistry.sol";
import {ConsentHash} from "../libraries/ConsentHash.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title SplitConsents
/// @notice The part of {ICWERegistry} that asks payees: nobody is named as a payee who has not agreed.
abstract contract SplitConsents is ICWERegistry, EIP712Upgradeable {
    /// @custom:storage-location erc7201:cwe.split-consents
    struct SplitConsentsStorage {
        /// @dev By the hash of a consent without deadline.
        mapping(bytes32 consent => bool) agreed;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.split-consents")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant CONSENTS_STORAGE = 0x58c16c1ad5ff00952056e7b2cef58ab13a245e4726b5de85ae69e4ec47cda800;

    /// @inheritdoc ICWERegistry
    function setConsent(bytes32 workId, uint32 version, bytes32 creatorId, uint96 share, bool agreed) external {
        _storageOfConsents().agreed[_key(workId, version, creatorId, Payee(payable(msg.sender), share))] = agreed;
        emit ConsentSet(msg.sender, workId, version, creatorId, share, agreed);
    }

    /// @inheritdoc ICWERegistry
    function consentDigest(
        bytes32 workId,
        uint32 version,
        bytes32 creatorId,
        address payee,
        uint96 share,
        uint64 deadline
    ) public view returns (bytes32) {
        return _hashTypedDataV4(ConsentHash.hash(workId, version, creatorId, payee, share, deadline));
    }

    function _requireConsents(
        bytes32 workId,
        uint32 version,
        bytes32 creatorId,
        Payee[] memory payees,
        Consent[] memory consents
    ) internal view {
        if (payees.length != consents.length) {
            revert LengthMismatch(payees.length, consents.length);
        }
        for (uint256 i = 0; i < payees.length; ++i) {
            if (payees[i].account == msg.sender) continue;
            if (consents[i].signature.length == 0) {
                bool agreed = _storageOfConsents().agreed[_key(workId, version, creatorId, payees[i])];
                if (!agreed) revert ConsentMissing(payees[i].account);
            } else {
                _requireSigned(workId, version, creatorId, payees[i], consents[i]);
            }
        }
    }

    function _requireSigned(
        bytes32 workId,
        uint32 version,
        bytes32 creatorId,
        Payee memory payee,
        Consent memory consent
    ) private view {
        if (block.timestamp >= consent.deadline) {
            revert ConsentExpired(payee.account, consent.deadline);
        }
        bytes32 digest = consentDigest(workId, version, creatorId, payee.account, payee.share, consent.deadline);
        if (!SignatureChecker.isValidSignatureNow(payee.account, digest, consent.signature)) {
            revert ConsentInvalid(payee.account);
        }
    }

    function _key(bytes32 workId, uint32 version, bytes32 creatorId, Payee memory payee)
        private
        pure
        returns (bytes32)
    {
        return ConsentHash.hash(workId, version, creatorId, payee.account, payee.share, 0);
    }

    function _storageOfConsents() private pure returns (SplitConsentsStorage storage $) {
        assembly {
            $.slot := CONSENTS_STORAGE
        }
    }
}
