// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICLN} from "./interfaces/ICLN.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title CLN
/// @notice See {ICLN}. One plain unit with 18 decimals: no yield, no rebasing, no upgrade, no freezing.
contract CLN is ICLN, ERC20, ERC20Permit, ERC3009, ERC20Burnable, AccessControl {
    /// @notice May state the reserve.
    bytes32 public constant ATTESTER_ROLE = keccak256("ATTESTER_ROLE");
    /// @notice May mint within it.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    /// @notice Longest validity of an attestation, in seconds.
    uint64 public constant MAX_ATTESTATION_SECONDS = 31 days;

    /// @inheritdoc ICLN
    uint256 public attestedReserve;
    /// @inheritdoc ICLN
    uint64 public attestationExpiresAt;

    /// @param admin Gives and takes the roles: the timelock.
    /// @param attester First holder of the attester role.
    /// @param minter First holder of the minter role.
    constructor(address admin, address attester, address minter)
        ERC20("CWE Credits", "CLN")
        ERC20Permit("CWE Credits")
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(ATTESTER_ROLE, attester);
        _grantRole(MINTER_ROLE, minter);
    }

    /// @inheritdoc ICLN
    function attestReserve(uint256 reserve, uint64 expiresAt) external onlyRole(ATTESTER_ROLE) {
        if (expiresAt <= block.timestamp || expiresAt > block.timestamp + MAX_ATTESTATION_SECONDS) {
            revert ExpiryInvalid(expiresAt);
        }
        attestedReserve = reserve;
        attestationExpiresAt = expiresAt;
        emit ReserveAttested(reserve, expiresAt);
    }

    /// @inheritdoc ICLN
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        if (block.timestamp >= attestationExpiresAt) revert AttestationExpired(attestationExpiresAt);
        uint256 supply = totalSupply() + amount;
        if (supply > attestedReserve) revert ReserveExceeded(supply, attestedReserve);
        _mint(to, amount);
    }
}
