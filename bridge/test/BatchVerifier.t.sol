// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../src/BatchVerifier.sol";
import {MockHalo2Verifier} from "./mocks/MockHalo2Verifier.sol";
import {Test} from "forge-std/Test.sol";

contract BatchVerifierTest is Test {
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 internal constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant LIMBS = 12;
    uint16 internal constant COMMITMENTS = 3;
    uint16 internal constant EVALUATIONS = 4;
    /// @dev Accumulator, three points, four scalars, two points.
    uint256 internal constant WORDS = 26;
    uint256 internal constant FIRST_EVALUATION = 18;
    uint256 internal constant FIRST_OPENING = 22;
    bytes32 internal constant EXE = bytes32(uint256(0xe8e));
    bytes32 internal constant MACHINE = bytes32(R - 1);
    bytes32 internal constant VALUE = 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff;

    MockHalo2Verifier internal halo2;
    BatchVerifier internal verifier;

    function setUp() public {
        halo2 = new MockHalo2Verifier();
        verifier = deploy("unsafe-dev-0011223344556677");
    }

    function deploy(string memory srs) internal returns (BatchVerifier) {
        return new BatchVerifier(address(halo2), EXE, MACHINE, COMMITMENTS, EVALUATIONS, srs);
    }

    /// Distinct words, each within the bounds of its place.
    function goodWords() internal pure returns (uint256[] memory words) {
        words = new uint256[](WORDS);
        for (uint256 i = 0; i < WORDS; ++i) {
            words[i] = 1000 + i;
        }
    }

    function encode(uint256[] memory words) internal pure returns (bytes memory) {
        return abi.encodePacked(words);
    }

    function with(uint256 index, uint256 word) internal pure returns (bytes memory) {
        uint256[] memory words = goodWords();
        words[index] = word;
        return encode(words);
    }

    /// What the generated verifier must be given, written out from docs/PROTOCOL.md.
    function halo2Calldata(bytes32 value, uint256[] memory words) internal pure returns (bytes memory data) {
        for (uint256 i = 0; i < LIMBS; ++i) {
            data = bytes.concat(data, bytes32(words[i]));
        }
        data = bytes.concat(data, EXE, MACHINE);
        for (uint256 i = 0; i < 32; ++i) {
            data = bytes.concat(data, bytes32(uint256(uint8(value[i]))));
        }
        for (uint256 i = LIMBS; i < WORDS; ++i) {
            data = bytes.concat(data, bytes32(words[i]));
        }
    }

    function boundOf(uint256 index) internal pure returns (uint256) {
        if (index < LIMBS) return index % 3 == 2 ? 1 << 80 : 1 << 88;
        return index < FIRST_EVALUATION || index >= FIRST_OPENING ? Q : R;
    }

    function expectNotCanonical(uint256 index, uint256 word) internal {
        bytes memory proof = with(index, word);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.NotCanonical.selector, index, word, boundOf(index)));
        verifier.verify(VALUE, proof);
    }

    /* what is accepted */

    function test_generatedVerifierIsAskedAboutThePinnedProgramAndTheWholeValue() public {
        bytes memory data = halo2Calldata(VALUE, goodWords());
        halo2.accept(data);
        vm.expectCall(address(halo2), data);
        assertTrue(verifier.verify(VALUE, encode(goodWords())));
    }

    function testFuzz_otherValueOrOtherWordIsAnotherQuestion(bytes32 value, uint256 index, uint256 word) public {
        halo2.accept(halo2Calldata(VALUE, goodWords()));
        vm.assume(value != VALUE);
        assertFalse(verifier.verify(value, encode(goodWords())));
        index = index % WORDS;
        word = word % (index < LIMBS && index % 3 == 2 ? 1 << 77 : boundOf(index));
        vm.assume(word != 1000 + index);
        assertFalse(verifier.verify(VALUE, with(index, word)));
    }

    function test_largestCanonicalWordsAreAccepted() public {
        uint256[] memory words = goodWords();
        for (uint256 i = 0; i < LIMBS; i += 3) {
            words[i] = (Q - 1) % (1 << 88);
            words[i + 1] = ((Q - 1) >> 88) % (1 << 88);
            words[i + 2] = (Q - 1) >> 176;
        }
        for (uint256 i = LIMBS; i < WORDS; ++i) {
            words[i] = boundOf(i) - 1;
        }
        halo2.accept(halo2Calldata(VALUE, words));
        assertTrue(verifier.verify(VALUE, encode(words)));
    }

    /* what is refused before the generated verifier is asked */

    function testFuzz_lengthIsExact(uint256 length) public {
        length = length % 2000;
        vm.assume(length != 32 * WORDS);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofLengthInvalid.selector, length, 32 * WORDS));
        verifier.verify(VALUE, new bytes(length));
    }

    function test_truncatedAndExtendedProofsAreRefused() public {
        bytes memory proof = encode(goodWords());
        bytes memory longer = bytes.concat(proof, hex"00");
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofLengthInvalid.selector, 833, 832));
        verifier.verify(VALUE, longer);
        assembly {
            mstore(proof, 831)
        }
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofLengthInvalid.selector, 831, 832));
        verifier.verify(VALUE, proof);
    }

    function test_everyWordHasItsBound() public {
        for (uint256 i = 0; i < WORDS; ++i) {
            expectNotCanonical(i, boundOf(i));
            expectNotCanonical(i, type(uint256).max);
        }
    }

    /// The generated verifier would reduce these and take them for the same proof.
    function test_sameNumberPlusTheModulusIsRefused() public {
        for (uint256 i = 0; i < WORDS; ++i) {
            expectNotCanonical(i, 1000 + i + (boundOf(i) == Q ? Q : R));
        }
    }

    function testFuzz_noncanonicalWordIsRefused(uint256 index, uint256 word) public {
        index = index % WORDS;
        uint256 least = boundOf(index);
        expectNotCanonical(index, least + word % (type(uint256).max - least));
    }

    function test_accumulatorCoordinateIsBelowItsModulus() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256[] memory words = goodWords();
            words[3 * i] = Q % (1 << 88);
            words[3 * i + 1] = (Q >> 88) % (1 << 88);
            words[3 * i + 2] = Q >> 176;
            vm.expectRevert(abi.encodeWithSelector(BatchVerifier.AccumulatorInvalid.selector, i, Q));
            verifier.verify(VALUE, encode(words));
        }
    }

    /* answers that are no answer */

    function test_revertIsNo() public view {
        assertFalse(verifier.verify(VALUE, encode(goodWords())));
    }

    function test_codeIsPinned() public {
        halo2.accept(halo2Calldata(VALUE, goodWords()));
        bytes32 pinned = address(halo2).codehash;
        bytes[3] memory replacements = [bytes(""), bytes(hex"00"), bytes.concat(hex"ef0100", bytes20(address(this)))];
        for (uint256 i = 0; i < 3; ++i) {
            vm.etch(address(halo2), replacements[i]);
            bytes32 found = address(halo2).codehash;
            vm.expectRevert(abi.encodeWithSelector(BatchVerifier.VerifierReplaced.selector, found, pinned));
            verifier.verify(VALUE, encode(goodWords()));
        }
    }

    /// STOP: an answer as the generated verifier's, to anything. `RETURN` of a word: not its answer, whatever it says.
    function test_answerWithDataIsNo() public {
        address account = makeAddr("returns one");
        vm.etch(account, hex"600160005260206000f3");
        assertFalse(pinning(account).verify(VALUE, encode(goodWords())));
        vm.etch(account, hex"fe");
        assertFalse(pinning(account).verify(VALUE, encode(goodWords())), "invalid opcode");
        vm.etch(account, hex"5b600056");
        assertFalse(pinning(account).verify{gas: 1_000_000}(VALUE, encode(goodWords())), "endless loop");
    }

    function pinning(address account) internal returns (BatchVerifier) {
        return new BatchVerifier(account, EXE, MACHINE, COMMITMENTS, EVALUATIONS, "unsafe-dev");
    }

    /* construction */

    function test_generatedVerifierMustHaveCode() public {
        address empty = makeAddr("empty");
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.NotAContract.selector, empty));
        pinning(empty);
    }

    function test_commitmentsAreCanonicalAndNotZero() public {
        bytes32[3] memory invalid = [bytes32(0), bytes32(R), bytes32(type(uint256).max)];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(BatchVerifier.CommitmentInvalid.selector, invalid[i]);
            vm.expectRevert(reason);
            new BatchVerifier(address(halo2), invalid[i], MACHINE, COMMITMENTS, EVALUATIONS, "unsafe-dev");
            vm.expectRevert(reason);
            new BatchVerifier(address(halo2), EXE, invalid[i], COMMITMENTS, EVALUATIONS, "unsafe-dev");
        }
    }

    function test_layoutHasPointsAndScalars() public {
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.LayoutInvalid.selector, 0, 1));
        new BatchVerifier(address(halo2), EXE, MACHINE, 0, 1, "unsafe-dev");
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.LayoutInvalid.selector, 1, 0));
        new BatchVerifier(address(halo2), EXE, MACHINE, 1, 0, "unsafe-dev");
    }

    function test_nameSaysThatADevelopmentSetupIsUnsafe() public {
        assertEq(verifier.name(), "UNSAFE BatchVerifier (development SRS)");
        assertEq(verifier.srs(), "unsafe-dev-0011223344556677");
        assertFalse(verifier.isSafe());
        BatchVerifier ceremony = deploy("ptau-0011223344556677");
        assertEq(ceremony.name(), "BatchVerifier");
        assertEq(ceremony.srs(), "ptau-0011223344556677");
        assertTrue(ceremony.isSafe());
    }

    function test_unknownOriginOfTheSetupIsRefused() public {
        string[4] memory unknown = ["", "ptau", "safe-ptau-00", "Ptau-00"];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(BatchVerifier.UnknownSrs.selector, unknown[i]));
            deploy(unknown[i]);
        }
    }
}
