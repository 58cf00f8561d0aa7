// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../../bridge/src/BatchVerifier.sol";
import {AggregationVerifier} from "../../src/usage/AggregationVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Stands in the place of the generated verifier: accepts one calldata, which a test names.
contract OneAnswer {
    bytes32 internal accepted;

    fallback() external {
        if (keccak256(msg.data) != accepted) revert();
    }

    function accept(bytes calldata data) external {
        accepted = keccak256(data);
    }
}

/// @notice Accumulators of a reference string whose secret is known here, and changes of them.
contract AggregationVerifierTest is Test {
    uint256 internal constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 internal constant SECRET = 0x5ec4e7;
    bytes32 internal constant KEY = keccak256("reveal key");
    bytes32 internal constant VALUE = keccak256("public value");
    bytes32 internal constant EXE = bytes32(uint256(0xa66));
    bytes32 internal constant MACHINE = bytes32(uint256(0x3a));
    /// @dev Of the program's proof: accumulator, one point, one scalar, two points.
    uint256 internal constant WORDS = 19;
    /// @dev The precompile takes all gas for a false point.
    uint256 internal constant GAS = 1_000_000;

    OneAnswer internal halo2;
    BatchVerifier internal proofs;
    AggregationVerifier internal verifier;
    bytes internal programProof;

    function setUp() public {
        halo2 = new OneAnswer();
        proofs = batchVerifier("unsafe-test");
        verifier = new AggregationVerifier(proofs, KEY, secretInG2(), "unsafe-test");
        for (uint256 i = 0; i < WORDS; ++i) {
            programProof = bytes.concat(programProof, bytes32(1000 + i));
        }
    }

    function batchVerifier(string memory srs) internal returns (BatchVerifier) {
        return new BatchVerifier(address(halo2), EXE, MACHINE, 1, 1, srs);
    }

    /// @dev SECRET · [1]₂
    function secretInG2() internal pure returns (uint256[4] memory) {
        return [
            0x11ce61150ab1b1d35afbe663eeed3c0fd27afd44b812f0ecd010e6a72ad67129,
            0x280700a05a90798bf6cdf47502e74f5bad25e022309c2d3255668f20721f7162,
            0x0234a692d0b77146944a18a3e5b4a44a2012cbc9dd80dab24f731ed3e7e8d7bc,
            0x3024f70bbf59d5ad1063135593c496127c7ba7867cad7aee86ecbb0f67b9604f
        ];
    }

    /// @dev 2 · [1]₂
    function twoInG2() internal pure returns (uint256[4] memory) {
        return [
            0x203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79,
            0x27dc7234fd11d3e8c36c59277c3e6f149d5cd3cfa9a62aee49f8130962b4b3b9,
            0x195e8aa5b7827463722b8c153931579d3505566b4edf48d498e185f0509de152,
            0x04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e
        ];
    }

    function multiple(uint256 scalar, uint256 x, uint256 y) internal view returns (uint256, uint256) {
        (bool success, bytes memory point) = address(0x07).staticcall(abi.encode(x, y, scalar));
        require(success, "no point");
        return abi.decode(point, (uint256, uint256));
    }

    /// @dev `scalar` times the generator, and that times the secret.
    function accumulator(uint256 scalar) internal view returns (uint256[4] memory points) {
        (points[0], points[1]) = multiple(scalar, 1, 2);
        (points[2], points[3]) = multiple(SECRET, points[0], points[1]);
    }

    function encode(uint256[4] memory points) internal view returns (bytes memory) {
        return abi.encodePacked(points, programProof);
    }

    /// What the program's proof must show, written out from docs/PROTOCOL.md.
    function output(bytes32 value, bytes32 key, uint256[4] memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(value, key, p[0], p[1], p[2], p[3]));
    }

    /// The generated verifier's calldata for a public value.
    function question(bytes32 value) internal view returns (bytes memory data) {
        uint256 accumulatorBytes = 12 * 32;
        bytes memory proof = programProof;
        for (uint256 i = 0; i < accumulatorBytes; ++i) {
            data = bytes.concat(data, proof[i]);
        }
        data = bytes.concat(data, EXE, MACHINE);
        for (uint256 i = 0; i < 32; ++i) {
            data = bytes.concat(data, bytes32(uint256(uint8(value[i]))));
        }
        for (uint256 i = accumulatorBytes; i < proof.length; ++i) {
            data = bytes.concat(data, proof[i]);
        }
    }

    /// The program has shown these points, whatever they are.
    function accept(uint256[4] memory points) internal {
        halo2.accept(question(output(VALUE, KEY, points)));
    }

    /// Whether it is accepted; a revert is a refusal.
    function accepted(bytes32 value, bytes memory proof) internal view returns (bool) {
        try verifier.verify{gas: GAS}(value, proof) returns (bool valid) {
            return valid;
        } catch {
            return false;
        }
    }

    function refuseEvenIfShown(uint256[4] memory points) internal {
        accept(points);
        assertFalse(accepted(VALUE, encode(points)));
    }

    /* what is accepted */

    function testFuzz_anAccumulatorIsAccepted(uint256 scalar) public {
        uint256[4] memory points = accumulator(scalar % R);
        accept(points);
        vm.expectCall(address(proofs), abi.encodeCall(proofs.verify, (output(VALUE, KEY, points), programProof)));
        assertTrue(verifier.verify(VALUE, encode(points)));
    }

    function test_thePointAtInfinityIsTwoZeros() public {
        uint256[4] memory points;
        accept(points);
        assertTrue(verifier.verify(VALUE, encode(points)));
        points = accumulator(3);
        (points[2], points[3]) = (0, 0);
        refuseEvenIfShown(points);
        points = accumulator(3);
        (points[0], points[1]) = (0, 0);
        refuseEvenIfShown(points);
    }

    /* what is refused although the program has shown it */

    function testFuzz_aFalseAccumulatorIsRefused(uint256 left, uint256 right) public {
        (left, right) = (left % R, right % R);
        vm.assume(right != mulmod(left, SECRET, R));
        uint256[4] memory points;
        (points[0], points[1]) = multiple(left, 1, 2);
        (points[2], points[3]) = multiple(right, 1, 2);
        refuseEvenIfShown(points);
    }

    function test_theSidesAndTheSignCount() public {
        uint256[4] memory points = accumulator(3);
        refuseEvenIfShown([points[2], points[3], points[0], points[1]]);
        refuseEvenIfShown([points[0], points[1], points[2], Q - points[3]]);
        refuseEvenIfShown([points[0], Q - points[1], points[2], points[3]]);
        uint256[4] memory negative = [points[0], Q - points[1], points[2], Q - points[3]];
        accept(negative);
        assertTrue(verifier.verify(VALUE, encode(negative)), "the same relation");
    }

    function test_coordinatesAreCanonical() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256[4] memory points = accumulator(3);
            points[i] += Q;
            refuseEvenIfShown(points);
            points[i] = type(uint256).max;
            refuseEvenIfShown(points);
        }
        uint256[4] memory infinity;
        infinity[0] = Q;
        refuseEvenIfShown(infinity);
        infinity[0] = 0;
        infinity[3] = Q;
        refuseEvenIfShown(infinity);
    }

    function test_pointsAreOnTheCurve() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256[4] memory points = accumulator(3);
            points[i] ^= 1;
            refuseEvenIfShown(points);
        }
        refuseEvenIfShown([uint256(1), 1, 0, 0]);
        refuseEvenIfShown([uint256(0), 0, 1, 1]);
        refuseEvenIfShown([uint256(1), 0, 0, 0]);
    }

    /* what is refused because the program has not shown it */

    function test_anotherAccumulatorIsNotThePrograms() public {
        accept(accumulator(3));
        assertTrue(accepted(VALUE, encode(accumulator(3))));
        assertFalse(accepted(VALUE, encode(accumulator(4))));
        uint256[4] memory infinity;
        assertFalse(accepted(VALUE, encode(infinity)));
    }

    function test_anotherValueIsNotThePrograms() public {
        accept(accumulator(3));
        assertFalse(accepted(keccak256("another"), encode(accumulator(3))));
    }

    function test_anotherKeyIsNotThePrograms() public {
        uint256[4] memory points = accumulator(3);
        halo2.accept(question(output(VALUE, keccak256("another key"), points)));
        assertFalse(accepted(VALUE, encode(points)));
        AggregationVerifier other =
            new AggregationVerifier(proofs, keccak256("another key"), secretInG2(), "unsafe-test");
        assertTrue(other.verify(VALUE, encode(points)));
    }

    function test_aProofHasItsLength() public {
        uint256[4] memory points = accumulator(3);
        accept(points);
        bytes memory proof = encode(points);
        assertFalse(accepted(VALUE, ""));
        assertFalse(accepted(VALUE, new bytes(127)));
        assertFalse(accepted(VALUE, new bytes(128)));
        assertFalse(accepted(VALUE, abi.encodePacked(points)));
        assertFalse(accepted(VALUE, bytes.concat(proof, hex"00")));
        assembly {
            mstore(proof, sub(mload(proof), 1))
        }
        assertFalse(accepted(VALUE, proof));
    }

    function test_anotherCodeOfTheProgramsVerifierIsRefused() public {
        uint256[4] memory points = accumulator(3);
        accept(points);
        bytes memory code = address(proofs).code;
        // Answers true to everything.
        vm.etch(address(proofs), hex"600160005260206000f3");
        assertFalse(accepted(VALUE, encode(points)));
        // Another program.
        BatchVerifier other = new BatchVerifier(address(halo2), bytes32(uint256(0xbad)), MACHINE, 1, 1, "unsafe-test");
        vm.etch(address(proofs), address(other).code);
        assertFalse(accepted(VALUE, encode(points)));
        vm.etch(address(proofs), code);
        assertTrue(accepted(VALUE, encode(points)));
    }

    /* construction */

    function test_itSaysWhatItPins() public view {
        assertEq(address(verifier.proofs()), address(proofs));
        assertEq(verifier.proofsCodeHash(), address(proofs).codehash);
        assertEq(verifier.revealKeyHash(), KEY);
        assertEq(abi.encode(verifier.sG2()), abi.encode(secretInG2()));
    }

    function test_anotherReferenceStringIsAnotherRelation() public {
        AggregationVerifier two = new AggregationVerifier(proofs, KEY, twoInG2(), "unsafe-two");
        uint256[4] memory points = accumulator(3);
        accept(points);
        assertFalse(two.verify(VALUE, encode(points)));
        (points[2], points[3]) = multiple(2, points[0], points[1]);
        accept(points);
        assertTrue(two.verify(VALUE, encode(points)));
    }

    function test_theProgramsVerifierIsAContract() public {
        vm.expectRevert(abi.encodeWithSelector(AggregationVerifier.NotAContract.selector, address(1)));
        new AggregationVerifier(BatchVerifier(address(1)), KEY, secretInG2(), "unsafe-test");
    }

    function test_aKeyHashIsNotZero() public {
        vm.expectRevert(AggregationVerifier.KeyHashMissing.selector);
        new AggregationVerifier(proofs, 0, secretInG2(), "unsafe-test");
    }

    function refusePoint(uint256[4] memory point) internal {
        vm.expectRevert(abi.encodeWithSelector(AggregationVerifier.PointInvalid.selector, point));
        this.deploy{gas: 4_000_000}(point);
    }

    function deploy(uint256[4] memory point) external returns (AggregationVerifier) {
        return new AggregationVerifier(proofs, KEY, point, "unsafe-test");
    }

    function test_theReferenceStringsPointIsInTheSecondGroup() public {
        uint256[4] memory point;
        refusePoint(point);
        this.deploy{gas: 4_000_000}(secretInG2());
        for (uint256 i = 0; i < 4; ++i) {
            point = secretInG2();
            point[i] ^= 1;
            refusePoint(point);
        }
        point = secretInG2();
        point[0] += Q;
        refusePoint(point);
        // Real part first.
        point = secretInG2();
        refusePoint([point[1], point[0], point[3], point[2]]);
        // On the twist, of another order.
        refusePoint(
            [
                1,
                2,
                0x02b76c179599bb92a963dac85546a005a777f7c13f6a7b75d5918b6b5808f5fde,
                0x101f7278419308b95099eca02dcee0c5381f4d26d1d62313f057167f064101ce
            ]
        );
    }

    /// Safe only if nobody can make false Reveal proofs nor false proofs of the program.
    function test_theNameTellsWhetherBothReferenceStringsAreSafe() public {
        assertEq(verifier.srs(), "unsafe-test");
        assertFalse(verifier.isSafe());
        assertEq(verifier.name(), "UNSAFE AggregationVerifier (development SRS)");
        string memory ceremony = "ptau-0011223344556677";
        BatchVerifier safeProofs = batchVerifier(ceremony);
        assertFalse(new AggregationVerifier(safeProofs, KEY, secretInG2(), "unsafe-test").isSafe());
        assertFalse(new AggregationVerifier(proofs, KEY, secretInG2(), ceremony).isSafe());
        AggregationVerifier safe = new AggregationVerifier(safeProofs, KEY, secretInG2(), ceremony);
        assertTrue(safe.isSafe());
        assertEq(safe.srs(), ceremony);
        assertEq(safe.name(), "AggregationVerifier");
        string[4] memory unknown = ["", "ptau", "safe-0011", "Unsafe-dev"];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(AggregationVerifier.UnknownSrs.selector, unknown[i]));
            new AggregationVerifier(proofs, KEY, secretInG2(), unknown[i]);
        }
    }
}
