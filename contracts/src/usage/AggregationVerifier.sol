// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../../bridge/src/BatchVerifier.sol";
import {IAggregationVerifier} from "../interfaces/IAggregationVerifier.sol";
import {ShortString, ShortStrings} from "@openzeppelin/contracts/utils/ShortStrings.sol";

/// @title AggregationVerifier
/// @notice See {IAggregationVerifier}. The aggregation program verifies the Reveal proofs of a batch but for their
/// pairings, which it folds into one, of two points, and leaves to this contract:
///
///   e(lhs, [s]₂) = e(rhs, [1]₂)
///
/// Which points those are, and for which verifying key, is part of what the program outputs. A proof is
///
///   lhs.x ‖ lhs.y ‖ rhs.x ‖ rhs.y ‖ the program's proof as `BatchVerifier` takes it      32 bytes a word
///
/// The point at infinity is (0, 0), as for the precompile. See docs/PROTOCOL.md.
contract AggregationVerifier is IAggregationVerifier {
    using ShortStrings for *;

    /// @dev Coordinates of points are below it.
    uint256 internal constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    /// @dev Coordinates of points of the second group, imaginary part first.
    uint256 internal constant G2_WORDS = 4;
    uint256 internal constant G2_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 internal constant G2_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 internal constant G2_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 internal constant G2_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
    /// @dev Precompile of EIP-197: whether the product of pairings is one.
    address internal constant PAIRING = address(0x08);

    /// @notice Bytes of the two points.
    uint256 public constant ACCUMULATOR_BYTES = 128;

    /// @notice What checks the program's proof.
    BatchVerifier public immutable proofs;
    /// @notice Hash of its code, its immutables included, which it must still have.
    bytes32 public immutable proofsCodeHash;
    /// @notice Hash of the Reveal circuit's verifying key, as the program outputs it.
    bytes32 public immutable revealKeyHash;

    uint256 private immutable _sG2XIm;
    uint256 private immutable _sG2XRe;
    uint256 private immutable _sG2YIm;
    uint256 private immutable _sG2YRe;
    ShortString private immutable _srs;

    /// @notice There is no code at `account`, which should check the program's proofs.
    error NotAContract(address account);
    /// @notice A key's hash is not zero.
    error KeyHashMissing();
    /// @notice `sG2` is no point of the second group, or the one at infinity, with which nothing would be checked.
    error PointInvalid(uint256[G2_WORDS] sG2);
    /// @notice An SRS is named `ptau-…` (a ceremony's) or `unsafe-…` (whoever knows the seed can prove anything).
    error UnknownSrs(string srs);

    /// @param proofs_ A `BatchVerifier` that pins the aggregation program.
    /// @param revealKeyHash_ Hash of the Reveal circuit's verifying key.
    /// @param sG2_ The point [s]₂ of the reference string: x.im, x.re, y.im, y.re.
    /// @param srs_ Name of the reference string that Reveal proofs are made with.
    constructor(BatchVerifier proofs_, bytes32 revealKeyHash_, uint256[G2_WORDS] memory sG2_, string memory srs_) {
        if (address(proofs_).code.length == 0) revert NotAContract(address(proofs_));
        if (revealKeyHash_ == 0) revert KeyHashMissing();
        if (!_isPoint(sG2_)) revert PointInvalid(sG2_);
        // forge-lint: disable-next-line(unsafe-typecast): only the prefix counts
        if (!_isCeremony(srs_) && bytes7(bytes(srs_)) != "unsafe-") revert UnknownSrs(srs_);
        proofs = proofs_;
        proofsCodeHash = address(proofs_).codehash;
        revealKeyHash = revealKeyHash_;
        (_sG2XIm, _sG2XRe, _sG2YIm, _sG2YRe) = (sG2_[0], sG2_[1], sG2_[2], sG2_[3]);
        _srs = srs_.toShortString();
    }

    /// @inheritdoc IAggregationVerifier
    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool valid) {
        if (proof.length < ACCUMULATOR_BYTES || address(proofs).codehash != proofsCodeHash) return false;
        uint256[4] memory points = abi.decode(proof[:ACCUMULATOR_BYTES], (uint256[4]));
        if (!_accumulates(points)) return false;
        // A static array is encoded as its words.
        bytes32 output = keccak256(abi.encode(publicValue, revealKeyHash, points));
        return proofs.verify(output, proof[ACCUMULATOR_BYTES:]);
    }

    /// @notice The point [s]₂: x.im, x.re, y.im, y.re.
    function sG2() public view returns (uint256[G2_WORDS] memory) {
        return [_sG2XIm, _sG2XRe, _sG2YIm, _sG2YRe];
    }

    /// @notice Says where it shows that proofs under a development SRS convince nobody.
    function name() external view returns (string memory) {
        return isSafe() ? "AggregationVerifier" : "UNSAFE AggregationVerifier (development SRS)";
    }

    /// @notice Name of the reference string of Reveal proofs: `ptau-…` with the first bytes of a ceremony's file hash, or
    /// `unsafe-…`.
    function srs() public view returns (string memory) {
        return _srs.toString();
    }

    /// @notice Whether both reference strings are a ceremony's: that of Reveal proofs, and that of the program's.
    function isSafe() public view returns (bool) {
        return _isCeremony(srs()) && proofs.isSafe();
    }

    /// @dev e(lhs, [s]₂) · e(−rhs, [1]₂) = 1, with canonical coordinates, of which the precompile refuses the others too.
    function _accumulates(uint256[4] memory points) private view returns (bool) {
        for (uint256 i = 0; i < points.length; ++i) {
            if (points[i] >= BASE_MODULUS) return false;
        }
        uint256 minusRhsY = (BASE_MODULUS - points[3]) % BASE_MODULUS;
        return
            _isOne(abi.encode(points[0], points[1], sG2(), points[2], minusRhsY, [G2_X_IM, G2_X_RE, G2_Y_IM, G2_Y_RE]));
    }

    /// @dev The precompile refuses what is not in the second group, also beside the point at infinity of the first.
    function _isPoint(uint256[G2_WORDS] memory point) private view returns (bool) {
        bool isInfinity = (point[0] | point[1] | point[2] | point[3]) == 0;
        return !isInfinity && _isOne(abi.encode(uint256(0), uint256(0), point));
    }

    function _isOne(bytes memory pairs) private view returns (bool) {
        // A precompile: it takes its calldata without a selector.
        // slither-disable-next-line low-level-calls
        (bool success, bytes memory result) = PAIRING.staticcall(pairs);
        return success && result.length == 32 && abi.decode(result, (uint256)) == 1;
    }

    function _isCeremony(string memory srs_) private pure returns (bool) {
        // forge-lint: disable-next-line(unsafe-typecast): only the prefix counts
        return bytes5(bytes(srs_)) == "ptau-";
    }
}
