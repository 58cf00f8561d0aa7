// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ISplitVerifier} from "../interfaces/ISplitVerifier.sol";
import {Field} from "../libraries/Field.sol";

/// @title SplitVerifier
/// @notice See {ISplitVerifier}. The cryptography is `Halo2SplitVerifier`'s, generated from the circuit's verifying key
/// (`scripts/usage-verifier.sh`). That one takes any number of bytes as calldata, reduces scalars silently, and answers
/// success with no data, as an account without code does. So this contract pins its address and code, lets through only
/// inputs in the ranges that the circuit takes for granted, and only one encoding of a proof:
///
///   commitments (points) ‖ evaluations (scalars) ‖ openings (2 points)      32 bytes a word
contract SplitVerifier is ISplitVerifier {
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

    /// @notice The generated verifier.
    address public immutable halo2Verifier;
    /// @notice Hash of its code, which it must still have.
    bytes32 public immutable halo2CodeHash;

    /// @notice The generated verifier at `account` has no code.
    error NotAContract(address account);

    /// @param halo2Verifier_ The generated verifier.
    constructor(address halo2Verifier_) {
        if (halo2Verifier_.code.length == 0) revert NotAContract(halo2Verifier_);
        halo2Verifier = halo2Verifier_;
        halo2CodeHash = halo2Verifier_.codehash;
    }

    /// @inheritdoc ISplitVerifier
    function verify(uint256[INPUTS] calldata inputs, bytes calldata proof) external view returns (bool valid) {
        if (!_inRange(inputs) || !_canonical(proof)) return false;
        if (halo2Verifier.codehash != halo2CodeHash) return false;
        // It reads its calldata without a selector.
        // slither-disable-next-line low-level-calls
        (valid,) = halo2Verifier.staticcall(abi.encodePacked(inputs, proof));
    }

    function _inRange(uint256[INPUTS] calldata inputs) private pure returns (bool) {
        for (uint256 i = 0; i < INPUTS; ++i) {
            if (inputs[i] >= Field.MODULUS) return false;
        }
        return inputs[0] >> EPOCH_BITS == 0 && Field.isTierId(bytes32(inputs[2])) && inputs[3] >> ALLOWANCE_BITS == 0
            && inputs[4] <= MAX_DIMINISHING_PPM;
    }

    function _canonical(bytes calldata proof) private pure returns (bool) {
        uint256 openings = COMMITMENT_WORDS + EVALUATION_WORDS;
        return proof.length == PROOF_BYTES && _below(proof, 0, COMMITMENT_WORDS, BASE_MODULUS)
            && _below(proof, COMMITMENT_WORDS, openings, Field.MODULUS)
            && _below(proof, openings, openings + OPENING_WORDS, BASE_MODULUS);
    }

    /// @dev Words `from … to - 1` are below `bound`; they are there.
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
