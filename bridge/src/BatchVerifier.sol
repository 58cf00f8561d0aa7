// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IBatchVerifier} from "./interfaces/IBatchVerifier.sol";
import {ShortString, ShortStrings} from "@openzeppelin/contracts/utils/ShortStrings.sol";

/// @title BatchVerifier
/// @notice Checks halo2 proofs (KZG over BN254) that one program, on one virtual machine, output a public value.
///
/// The cryptography is `Halo2Verifier`'s, a contract that the prover generates from its verifying key. It takes any
/// number of bytes as calldata, reduces scalars silently, and answers success with no data, as an account without code
/// does. So this contract pins its address and code, builds its calldata, and accepts only one encoding of a proof:
///
///   12 accumulator limbs ‖ commitments (points) ‖ evaluations (scalars) ‖ openings (2 points)      32 bytes a word
///
/// The accumulator, of the recursion inside the proof, is two points as limbs of 88 bits, low limb first: lhs.x, lhs.y,
/// rhs.x, rhs.y. The generated verifier checks its pairing together with the proof's own. See docs/PROTOCOL.md.
contract BatchVerifier is IBatchVerifier {
    using ShortStrings for *;

    /// @dev Order of BN254's groups: scalars are below it.
    uint256 internal constant SCALAR_MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev Coordinates of points are below it.
    uint256 internal constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    uint256 internal constant WORD = 32;
    uint256 internal constant WORDS_PER_POINT = 2;
    uint256 internal constant LIMB_BITS = 88;
    uint256 internal constant LIMBS_PER_COORDINATE = 3;
    uint256 internal constant ACCUMULATOR_WORDS = 4 * LIMBS_PER_COORDINATE;
    /// @dev 12 words; written out because assembly knows no expressions.
    uint256 internal constant ACCUMULATOR_BYTES = 384;
    /// @dev SHPLONK opens all polynomials with two points.
    uint256 internal constant OPENING_POINTS = 2;

    /// @notice The generated verifier.
    address public immutable halo2Verifier;
    /// @notice Hash of its code, which it must still have.
    bytes32 public immutable halo2CodeHash;
    /// @notice Commitment to the program and its initial memory.
    bytes32 public immutable exeCommitment;
    /// @notice Commitment to the virtual machine's configuration.
    bytes32 public immutable vmCommitment;
    /// @notice Number of points before the evaluations.
    uint256 public immutable commitments;
    /// @notice Number of scalars.
    uint256 public immutable evaluations;
    /// @notice Bytes of a proof, the accumulator's included.
    uint256 public immutable proofLength;

    ShortString private immutable _srs;

    /// @notice The generated verifier at `account` has no code.
    error NotAContract(address account);
    /// @notice The generated verifier's code is no longer the one that was there at construction.
    error VerifierReplaced(bytes32 codeHash, bytes32 expected);
    /// @notice A commitment that is zero or not below BN254's scalar modulus.
    error CommitmentInvalid(bytes32 commitment);
    /// @notice A proof without points or without scalars.
    error LayoutInvalid(uint256 commitments, uint256 evaluations);
    /// @notice An SRS is named `ptau-…` (a ceremony's) or `unsafe-…` (whoever knows the seed can prove anything).
    error UnknownSrs(string srs);
    /// @notice A proof has exactly `expected` bytes.
    error ProofLengthInvalid(uint256 given, uint256 expected);
    /// @notice Word `index` of the proof is not below the modulus of its field, or the bound of its limb.
    error NotCanonical(uint256 index, uint256 word, uint256 bound);
    /// @notice Accumulator coordinate `index` is not below the base field's modulus.
    error AccumulatorInvalid(uint256 index, uint256 coordinate);

    /// @param halo2Verifier_ The generated verifier.
    /// @param exeCommitment_ Commitment to the program.
    /// @param vmCommitment_ Commitment to the virtual machine.
    /// @param commitments_ Points of a proof before its scalars; the two openings come after them.
    /// @param evaluations_ Scalars of a proof.
    /// @param srs_ Name of the reference string that the generated verifier was made with.
    constructor(
        address halo2Verifier_,
        bytes32 exeCommitment_,
        bytes32 vmCommitment_,
        uint16 commitments_,
        uint16 evaluations_,
        string memory srs_
    ) {
        if (halo2Verifier_.code.length == 0) revert NotAContract(halo2Verifier_);
        _requireCommitment(exeCommitment_);
        _requireCommitment(vmCommitment_);
        if (commitments_ == 0 || evaluations_ == 0) revert LayoutInvalid(commitments_, evaluations_);
        if (!_startsWith(srs_, "ptau-") && !_startsWith(srs_, "unsafe-")) revert UnknownSrs(srs_);
        halo2Verifier = halo2Verifier_;
        halo2CodeHash = halo2Verifier_.codehash;
        exeCommitment = exeCommitment_;
        vmCommitment = vmCommitment_;
        commitments = commitments_;
        evaluations = evaluations_;
        proofLength =
            WORD * (ACCUMULATOR_WORDS + WORDS_PER_POINT * (uint256(commitments_) + OPENING_POINTS) + evaluations_);
        _srs = srs_.toShortString();
    }

    /// @inheritdoc IBatchVerifier
    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool valid) {
        if (proof.length != proofLength) revert ProofLengthInvalid(proof.length, proofLength);
        _requireCanonical(proof);
        address halo2 = halo2Verifier;
        bytes32 codeHash = halo2.codehash;
        if (codeHash != halo2CodeHash) revert VerifierReplaced(codeHash, halo2CodeHash);
        bytes memory data = _halo2Calldata(publicValue, proof);
        assembly ("memory-safe") {
            valid := staticcall(gas(), halo2, add(data, 0x20), mload(data), 0, 0)
            valid := and(valid, iszero(returndatasize()))
        }
    }

    /// @notice Says where it shows that proofs under a development SRS convince nobody.
    function name() external view returns (string memory) {
        return isSafe() ? "BatchVerifier" : "UNSAFE BatchVerifier (development SRS)";
    }

    /// @notice Name of the reference string: `ptau-…` with the first bytes of a ceremony's file hash, or `unsafe-…`.
    function srs() public view returns (string memory) {
        return _srs.toString();
    }

    /// @notice Whether the reference string is a ceremony's.
    function isSafe() public view returns (bool) {
        return _startsWith(srs(), "ptau-");
    }

    /// @dev Every number has one encoding: what is below its modulus. Points are checked to be on the curve by the
    /// generated verifier. Sums and products are of a proof's length, which is checked.
    function _requireCanonical(bytes calldata proof) private view {
        unchecked {
            for (uint256 i = 0; i < ACCUMULATOR_WORDS; i += LIMBS_PER_COORDINATE) {
                _requireCoordinate(proof, i);
            }
            uint256 scalars = ACCUMULATOR_WORDS + WORDS_PER_POINT * commitments;
            uint256 openings = scalars + evaluations;
            _requireBelow(proof, ACCUMULATOR_WORDS, scalars, BASE_MODULUS);
            _requireBelow(proof, scalars, openings, SCALAR_MODULUS);
            _requireBelow(proof, openings, openings + WORDS_PER_POINT * OPENING_POINTS, BASE_MODULUS);
        }
    }

    /// @dev The three limbs from word `from` on. The top one has only the bits that fit into a word with the others.
    function _requireCoordinate(bytes calldata proof, uint256 from) private pure {
        unchecked {
            // A power of two, not a shift of a variable.
            // forge-lint: disable-next-line(incorrect-shift)
            _requireBelow(proof, from, from + 2, 1 << LIMB_BITS);
            // forge-lint: disable-next-line(incorrect-shift)
            _requireBelow(proof, from + 2, from + 3, 1 << (256 - 2 * LIMB_BITS));
            uint256 coordinate = _word(proof, from) | (_word(proof, from + 1) << LIMB_BITS)
                | (_word(proof, from + 2) << (2 * LIMB_BITS));
            if (coordinate >= BASE_MODULUS) revert AccumulatorInvalid(from / LIMBS_PER_COORDINATE, coordinate);
        }
    }

    /// @dev Words `from … to - 1` are below `bound`.
    function _requireBelow(bytes calldata proof, uint256 from, uint256 to, uint256 bound) private pure {
        unchecked {
            for (uint256 i = from; i < to; ++i) {
                uint256 word = _word(proof, i);
                if (word >= bound) revert NotCanonical(i, word, bound);
            }
        }
    }

    /// @dev The caller has checked the proof's length.
    function _word(bytes calldata proof, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(proof.offset, mul(index, WORD)))
        }
    }

    /// @dev Instances (accumulator, program, machine, bytes of the public value, one word each), then the proof. Written
    /// out, because copying byte by byte would cost as much gas as six multiplications on the curve.
    function _halo2Calldata(bytes32 publicValue, bytes calldata proof) private view returns (bytes memory data) {
        (bytes32 exe, bytes32 machine) = (exeCommitment, vmCommitment);
        assembly ("memory-safe") {
            data := mload(0x40)
            let at := add(data, WORD)
            calldatacopy(at, proof.offset, ACCUMULATOR_BYTES)
            at := add(at, ACCUMULATOR_BYTES)
            mstore(at, exe)
            mstore(add(at, WORD), machine)
            at := add(at, mul(2, WORD))
            for { let i := 0 } lt(i, WORD) { i := add(i, 1) } { mstore(add(at, mul(i, WORD)), byte(i, publicValue)) }
            at := add(at, mul(WORD, WORD))
            let length := sub(proof.length, ACCUMULATOR_BYTES)
            calldatacopy(at, add(proof.offset, ACCUMULATOR_BYTES), length)
            at := add(at, length)
            mstore(data, sub(at, add(data, WORD)))
            mstore(0x40, at)
        }
    }

    function _requireCommitment(bytes32 commitment) private pure {
        if (commitment == 0 || uint256(commitment) >= SCALAR_MODULUS) revert CommitmentInvalid(commitment);
    }

    function _startsWith(string memory text, string memory prefix) private pure returns (bool) {
        (bytes memory whole, bytes memory head) = (bytes(text), bytes(prefix));
        if (whole.length < head.length) return false;
        for (uint256 i = 0; i < head.length; ++i) {
            if (whole[i] != head[i]) return false;
        }
        return true;
    }
}
