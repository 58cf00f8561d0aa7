// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {ICreatorRegistry} from "../interfaces/ICreatorRegistry.sol";
import {IDirectSale} from "../interfaces/IDirectSale.sol";
import {ISplitPay} from "../interfaces/ISplitPay.sol";
import {Governed} from "../libraries/Governed.sol";
import {ERC721Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC721/ERC721Upgradeable.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title DirectSale
/// @notice See {IDirectSale}. Tokens are minted without asking the recipient: a callback would only invite reentrancy.
contract DirectSale is IDirectSale, Governed, EIP712Upgradeable, ERC721Upgradeable {
    bytes32 private constant OFFER_TYPEHASH =
        keccak256("Offer(bytes32 workId,bytes32 contentHash,uint128 price,uint32 size,uint64 deadline,uint256 salt)");
    uint32 private constant ROLE_SELL = 4;

    /// @custom:storage-location erc7201:cwe.direct-sale
    struct DirectSaleStorage {
        ICWERegistry registry;
        ICreatorRegistry creators;
        ISplitPay splitPay;
        uint256 lastTokenId;
        mapping(uint256 tokenId => Copy) copies;
        mapping(bytes32 offerId => uint32) sold;
        mapping(bytes32 offerId => bool) cancelled;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.direct-sale")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x4d2577ff704ecced9fca864de4d08e1e5e793416baba4e85d19fc2f544eefe00;

    /// @param owner_ The timelock.
    /// @param registry_ The works.
    /// @param creators_ Who may sell them.
    /// @param splitPay_ Who pays their payees.
    function initialize(address owner_, address registry_, address creators_, address splitPay_) external initializer {
        _requireNonZero(registry_);
        _requireNonZero(creators_);
        _requireNonZero(splitPay_);
        __Ownable_init(owner_);
        __EIP712_init("CWEDirectSale", "1");
        __ERC721_init("CWE Editions", "CWEE");
        DirectSaleStorage storage $ = _storage();
        $.registry = ICWERegistry(registry_);
        $.creators = ICreatorRegistry(creators_);
        $.splitPay = ISplitPay(splitPay_);
    }

    /// @inheritdoc IDirectSale
    function buy(Offer calldata offer, address signer, bytes calldata signature, address recipient)
        external
        payable
        returns (uint256 tokenId)
    {
        DirectSaleStorage storage $ = _storage();
        bytes32 offerId = offerIdOf(offer);
        if (block.timestamp >= offer.deadline) revert OfferExpired(offer.deadline);
        if ($.cancelled[offerId]) revert OfferWithdrawn(offerId);
        if (msg.value != offer.price || offer.price == 0) revert WrongPrice(msg.value, offer.price);
        ICWERegistry.Work memory work = $.registry.workOf(offer.workId);
        if (work.status != ICWERegistry.Status.Active) revert WorkNotActive(offer.workId);
        bool signed = $.creators.mayAct(work.creatorId, signer, ROLE_SELL)
            && SignatureChecker.isValidSignatureNowCalldata(signer, offerId, signature);
        if (!signed) revert SignerInvalid(signer, offer.workId);

        tokenId = _mintCopy(offer, offerId, recipient);
        $.splitPay.pay{value: msg.value}(offer.workId);
    }

    /// @inheritdoc IDirectSale
    function cancel(Offer calldata offer) external {
        DirectSaleStorage storage $ = _storage();
        bytes32 creatorId = $.registry.workOf(offer.workId).creatorId;
        if (!$.creators.mayAct(creatorId, msg.sender, ROLE_SELL)) revert SignerInvalid(msg.sender, offer.workId);
        bytes32 offerId = offerIdOf(offer);
        $.cancelled[offerId] = true;
        emit OfferCancelled(offerId, msg.sender);
    }

    /* views */

    /// @inheritdoc IDirectSale
    function copyOf(uint256 tokenId) external view returns (Copy memory) {
        return _storage().copies[tokenId];
    }

    /// @inheritdoc IDirectSale
    function offerIdOf(Offer calldata offer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(OFFER_TYPEHASH, offer)));
    }

    /// @inheritdoc IDirectSale
    function soldOf(bytes32 offerId) external view returns (uint32) {
        return _storage().sold[offerId];
    }

    /* internal */

    function _mintCopy(Offer calldata offer, bytes32 offerId, address recipient) private returns (uint256 tokenId) {
        DirectSaleStorage storage $ = _storage();
        uint32 number = 0;
        if (offer.size != 0) {
            number = $.sold[offerId] + 1;
            if (number > offer.size) revert SoldOut(offerId, offer.size);
            $.sold[offerId] = number;
        }
        tokenId = ++$.lastTokenId;
        $.copies[tokenId] = Copy(offer.workId, offer.contentHash, offerId, number, offer.size);
        _mint(recipient, tokenId);
        emit Sold(offer.workId, tokenId, recipient, msg.sender, offerId, number, offer.price);
    }

    function _storage() private pure returns (DirectSaleStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
