// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title ICLN
/// @notice What CLN adds to an ERC-20 with permit (EIP-2612) and signed transfers (EIP-3009): supply bounded by an
/// attested reserve.
interface ICLN {
    /// @notice The reserve that backs CLN was attested.
    /// @param reserve CLN wei that may exist.
    /// @param expiresAt Unix time in seconds from which on the statement no longer permits minting.
    event ReserveAttested(uint256 reserve, uint64 expiresAt);

    /// @notice Minting would bring the supply to `supply`, above the attested `reserve`.
    error ReserveExceeded(uint256 supply, uint256 reserve);
    /// @notice The attestation expired at this Unix time in seconds (0: there is none).
    error AttestationExpired(uint64 expiresAt);
    /// @notice `expiresAt` is not in the future or further away than `MAX_ATTESTATION_SECONDS`.
    error ExpiryInvalid(uint64 expiresAt);

    /// @notice States how much CLN the reserves back, until `expiresAt`. Attester role only.
    function attestReserve(uint256 reserve, uint64 expiresAt) external;

    /// @notice Creates CLN within the attested reserve. Minter role only.
    function mint(address to, uint256 amount) external;

    /// @notice The last attested reserve, in CLN wei.
    function attestedReserve() external view returns (uint256);

    /// @notice Unix time in seconds at which that attestation expires.
    function attestationExpiresAt() external view returns (uint64);
}
