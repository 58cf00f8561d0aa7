// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ISplitVerifier} from "../interfaces/ISplitVerifier.sol";
import {Field} from "../libraries/Field.sol";
import {ShortString, ShortStrings} from "@openzeppelin/contracts/utils/ShortStrings.sol";

/// @title SplitVerifier
/// @notice See {ISplitVerifier}. The cryptography is that of three contracts generated from the circuit's verifying key
/// (`crates/usage-verifier`), because one would be larger than the chain allows. The first takes inputs and proof, each
/// other one the memory that the one before returns, and the last returns nothing; all revert if the proof does not
/// hold, or if their calldata has another length. What one of them accepts by itself says nothing, since whoever calls it
/// chooses the memory; they reduce scalars silently, and answer as an account without code does. So this contract is whom
/// to ask: it calls them in order, pins their addresses and code, lets through only inputs in the ranges that the circuit
/// takes for granted, and only one encoding of a proof:
///
///   commitments (points) ‖ evaluations (scalars) ‖ openings (2 points)      32 bytes a word
contract SplitVerifier is ISplitVerifier {
    using ShortStrings for *;

    /// @notice Generated contracts.
    uint256 public constant PARTS = 3;

    /// @dev Coordinates of points are below it.
    uint256 internal constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    uint256 internal constant INPUTS = 8;
    uint256 internal constant EPOCH_BITS = 64;
    uint256 internal constant ALLOWANCE_BITS = 48;
    /// @dev As in `EconomyParameters`.
    uint256 internal constant MAX_DIMINISHING_PPM = 1_000_000_000;

    uint256 internal constant WORD = 32;
    /// @dev Words of 48 points.
    uint256 internal constant COMMITMENT_WORDS = 96;
    uint256 internal constant EVALUATION_WORDS = 77;
    /// @dev SHPLONK opens all polynomials with two points.
    uint256 internal constant OPENING_WORDS = 4;

    /// @notice Bytes of a proof.
    uint256 public constant PROOF_BYTES = (COMMITMENT_WORDS + EVALUATION_WORDS + OPENING_WORDS) * WORD;

    address private immutable _part1;
    address private immutable _part2;
    address private immutable _part3;
    bytes32 private immutable _codeHash1;
    bytes32 private immutable _codeHash2;
    bytes32 private immutable _codeHash3;
    ShortString private immutable _srs;

    /// @notice There is no code at `account`, which should be a part of the generated verifier.
    error NotAContract(address account);
    /// @notice An SRS is named `ptau-…` (a ceremony's) or `unsafe-…` (whoever knows the seed can prove anything).
    error UnknownSrs(string srs);

    /// @param parts_ The generated contracts, in order.
    /// @param srs_ Name of the reference string that they were made with.
    constructor(address[PARTS] memory parts_, string memory srs_) {
        for (uint256 i = 0; i < PARTS; ++i) {
            if (parts_[i].code.length == 0) revert NotAContract(parts_[i]);
        }
        // forge-lint: disable-next-line(unsafe-typecast): only the prefix counts
        if (!_isSafe(srs_) && bytes7(bytes(srs_)) != "unsafe-") revert UnknownSrs(srs_);
        (_part1, _part2, _part3) = (parts_[0], parts_[1], parts_[2]);
        (_codeHash1, _codeHash2, _codeHash3) = (parts_[0].codehash, parts_[1].codehash, parts_[2].codehash);
        _srs = srs_.toShortString();
    }

    /// @inheritdoc ISplitVerifier
    function verify(uint256[INPUTS] calldata inputs, bytes calldata proof) external view returns (bool valid) {
        if (!_inRange(inputs) || !_canonical(proof)) return false;
        (address[PARTS] memory accounts, bytes32[PARTS] memory codeHashes) = parts();
        bytes memory data = abi.encodePacked(inputs, proof);
        for (uint256 i = 0; i < PARTS; ++i) {
            if (accounts[i].codehash != codeHashes[i]) return false;
            // They take their calldata without a selector. Three calls, to pure code that is known.
            // slither-disable-next-line low-level-calls,calls-loop
            (valid, data) = accounts[i].staticcall(data);
            if (!valid) return false;
        }
        return data.length == 0;
    }

    /// @notice The generated contracts and the hashes of their code, which they must still have.
    function parts() public view returns (address[PARTS] memory accounts, bytes32[PARTS] memory codeHashes) {
        accounts = [_part1, _part2, _part3];
        codeHashes = [_codeHash1, _codeHash2, _codeHash3];
    }

    /// @notice Says where it shows that proofs under a development SRS convince nobody.
    function name() external view returns (string memory) {
        return isSafe() ? "SplitVerifier" : "UNSAFE SplitVerifier (development SRS)";
    }

    /// @notice Name of the reference string: `ptau-…` with the first bytes of a ceremony's file hash, or `unsafe-…`.
    function srs() public view returns (string memory) {
        return _srs.toString();
    }

    /// @notice Whether the reference string is a ceremony's.
    function isSafe() public view returns (bool) {
        return _isSafe(srs());
    }

    function _isSafe(string memory srs_) private pure returns (bool) {
        // forge-lint: disable-next-line(unsafe-typecast): only the prefix counts
        return bytes5(bytes(srs_)) == "ptau-";
    }

    function _inRange(uint256[INPUTS] calldata inputs) private pure returns (bool) {
        for (uint256 i = 0; i < INPUTS; ++i) {
            if (inputs[i] >= Field.MODULUS) return false;
        }
        return inputs[0] >> EPOCH_BITS == 0 && Field.isTierId(bytes32(inputs[2])) && inputs[3] >> ALLOWANCE_BITS == 0
            && inputs[4] <= MAX_DIMINISHING_PPM;
    }

    /// @dev Every number has one encoding: what is below its modulus. The generated code checks points to be on the curve.
    function _canonical(bytes calldata proof) private pure returns (bool) {
        uint256 openings = COMMITMENT_WORDS + EVALUATION_WORDS;
        return proof.length == PROOF_BYTES && _below(proof, 0, COMMITMENT_WORDS, BASE_MODULUS)
            && _below(proof, COMMITMENT_WORDS, openings, Field.MODULUS)
            && _below(proof, openings, openings + OPENING_WORDS, BASE_MODULUS);
    }

    /// @dev Whether words `from … to - 1`, which are there, are below `bound`.
    function _below(bytes calldata proof, uint256 from, uint256 to, uint256 bound) private pure returns (bool) {
        for (uint256 i = from; i < to; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := calldataload(add(proof.offset, mul(i, WORD)))
            }
            if (word >= bound) return false;
        }
        return true;
    }
}
