// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IDirectSale
/// @notice Sells works and numbered editions of them as ERC-721 tokens that carry a hash only. The price goes to the
/// work's payees through `SplitPay`. An offer lives off chain, signed by the creator's key or a delegate that may sell.
interface IDirectSale {
    /// @notice What the creator signs (EIP-712).
    struct Offer {
        bytes32 workId;
        /// @dev Hash of what is sold.
        bytes32 contentHash;
        /// @dev CLN wei.
        uint128 price;
        /// @dev Number of copies; 0 for the work itself, without limit and unnumbered.
        uint32 size;
        /// @dev Unix time in seconds: end of the offer.
        uint64 deadline;
        /// @dev Makes otherwise equal offers different.
        uint256 salt;
    }

    /// @notice What a token stands for.
    struct Copy {
        bytes32 workId;
        bytes32 contentHash;
        bytes32 offerId;
        /// @dev From 1 in an edition; 0 when unnumbered.
        uint32 number;
        /// @dev Of the edition; 0 when unlimited.
        uint32 size;
    }

    /// @notice `buyer` paid `price` CLN wei; `recipient` owns the token.
    event Sold(
        bytes32 indexed workId,
        uint256 indexed tokenId,
        address indexed recipient,
        address buyer,
        bytes32 offerId,
        uint32 number,
        uint256 price
    );
    /// @notice An offer was taken back by `by`.
    event OfferCancelled(bytes32 indexed offerId, address indexed by);

    /// @notice The offer ended at `deadline`, Unix time in seconds.
    error OfferExpired(uint64 deadline);
    /// @notice The offer was taken back.
    error OfferWithdrawn(bytes32 offerId);
    /// @notice All copies are sold.
    error SoldOut(bytes32 offerId, uint32 size);
    /// @notice `given` CLN wei were paid where the price is `required`, or the price is zero.
    error WrongPrice(uint256 given, uint256 required);
    /// @notice The signature is not `signer`'s, or `signer` may not sell this work.
    error SignerInvalid(address signer, bytes32 workId);
    /// @notice The work is not active.
    error WorkNotActive(bytes32 workId);

    /// @notice Buys one copy.
    /// @param offer The offer.
    /// @param signer Who signed it: the creator's key or a delegate with the role to sell.
    /// @param signature Its EIP-712 signature, or ERC-1271.
    /// @param recipient Owner of the token.
    function buy(Offer calldata offer, address signer, bytes calldata signature, address recipient)
        external
        payable
        returns (uint256 tokenId);

    /// @notice Takes an offer back. The creator's key or a delegate that may sell.
    function cancel(Offer calldata offer) external;

    /// @notice What a token stands for; all zero for no token.
    function copyOf(uint256 tokenId) external view returns (Copy memory);

    /// @notice EIP-712 digest of an offer, which is also its id.
    function offerIdOf(Offer calldata offer) external view returns (bytes32);

    /// @notice Copies sold of an offer.
    function soldOf(bytes32 offerId) external view returns (uint32);
}
