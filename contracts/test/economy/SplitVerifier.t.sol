// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Test} from "forge-std/Test.sol";

import {Halo2SplitVerifier} from "../../src/generated/Halo2SplitVerifier.sol";
import {Field} from "../../src/libraries/Field.sol";
import {SplitVerifier} from "../../src/usage/SplitVerifier.sol";

/// @notice A kept real proof (test/vectors/split-proof.json) and changes of it.
contract SplitVerifierTest is Test {
    uint256 internal constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant COMMITMENT_WORDS = 96;
    uint256 internal constant OPENINGS_AT = 96 + 77;

    SplitVerifier internal verifier;
    uint256[8] internal inputs;
    bytes internal proof;

    function setUp() public {
        verifier = new SplitVerifier(address(new Halo2SplitVerifier()));
        string memory json = vm.readFile("test/vectors/split-proof.json");
        bytes32[] memory words = vm.parseJsonBytes32Array(json, ".inputs");
        for (uint256 i = 0; i < 8; ++i) {
            inputs[i] = uint256(words[i]);
        }
        proof = vm.parseJsonBytes(json, ".proof");
    }

    function test_TheKeptProofHolds() public {
        uint256 before = gasleft();
        assertTrue(verifier.verify(inputs, proof));
        emit log_named_uint("gas", before - gasleft());
    }

    function test_TheGeneratedVerifierFitsOnTheChain() public view {
        assertLe(verifier.halo2Verifier().code.length, 24_576);
    }

    function test_EveryWordOfTheProofCounts() public view {
        for (uint256 i = 0; i < proof.length / 32; ++i) {
            bytes memory changed = proof;
            changed[32 * i + 31] ^= 0x01;
            assertFalse(verifier.verify(inputs, changed));
        }
    }

    function test_EveryInputCounts() public view {
        for (uint256 i = 0; i < 8; ++i) {
            uint256[8] memory changed = inputs;
            changed[i] ^= 1;
            assertFalse(verifier.verify(changed, proof));
        }
    }

    function test_AnAliasOfAnInputOrWordIsRefused() public view {
        for (uint256 i = 0; i < 8; ++i) {
            uint256[8] memory changed = inputs;
            changed[i] += Field.MODULUS;
            assertFalse(verifier.verify(changed, proof));
        }
        for (uint256 i = 0; i < proof.length / 32; ++i) {
            bool scalar = i >= COMMITMENT_WORDS && i < OPENINGS_AT;
            bytes memory changed = proof;
            uint256 modulus = scalar ? Field.MODULUS : BASE_MODULUS;
            assembly {
                let at := add(changed, mul(32, add(i, 1)))
                mstore(at, add(mload(at), modulus))
            }
            assertFalse(verifier.verify(inputs, changed));
        }
    }

    function test_AnyOtherLengthIsRefused() public view {
        assertEq(proof.length, verifier.PROOF_BYTES());
        assertFalse(verifier.verify(inputs, ""));
        assertFalse(verifier.verify(inputs, bytes.concat(proof, hex"00")));
        bytes memory shorter = proof;
        assembly {
            mstore(shorter, sub(mload(shorter), 32))
        }
        assertFalse(verifier.verify(inputs, shorter));
    }

    function test_InputsOutOfTheirRangeAreRefused() public view {
        uint256[4] memory places = [uint256(0), 2, 3, 4];
        uint256[4] memory values = [uint256(1) << 64, uint256(1) << 184, uint256(1) << 48, 1_000_000_001];
        for (uint256 i = 0; i < 4; ++i) {
            uint256[8] memory changed = inputs;
            changed[places[i]] = values[i];
            assertFalse(verifier.verify(changed, proof));
        }
    }

    function test_AnotherCodeAtTheAddressIsRefused() public {
        vm.etch(verifier.halo2Verifier(), hex"00");
        assertFalse(verifier.verify(inputs, proof));
    }

    function test_AnAddressWithoutCodeIsNoVerifier() public {
        vm.expectRevert(abi.encodeWithSelector(SplitVerifier.NotAContract.selector, address(1)));
        new SplitVerifier(address(1));
    }
}
