// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Halo2Fixture} from "./utils/Halo2Fixture.sol";

/// @notice What must hold for any generated verifier behind `BatchVerifier`.
abstract contract Halo2Test is Halo2Fixture {
    function test_proofIsAccepted() public view {
        assertTrue(batchVerifier.verify(kept.publicValue, kept.proof));
    }

    function test_everyChangedWordIsRefused() public view {
        for (uint256 i = 0; i < kept.proof.length / 32; ++i) {
            uint256 word = wordAt(kept.proof, i);
            assertFalse(accepted(kept.publicValue, withWord(kept.proof, i, word ^ 1)), "lowest bit");
            assertFalse(accepted(kept.publicValue, withWord(kept.proof, i, word ^ (1 << 60))), "another bit");
            uint256 absent = word == 0 ? 1 : 0;
            assertFalse(accepted(kept.publicValue, withWord(kept.proof, i, absent)), "zero");
        }
    }

    function testFuzz_flippedBitIsRefused(uint256 bit) public view {
        bit = bit % (kept.proof.length * 8);
        uint256 word = wordAt(kept.proof, bit / 256);
        assertFalse(accepted(kept.publicValue, withWord(kept.proof, bit / 256, word ^ (1 << (bit % 256)))));
    }

    /// The generated verifier itself takes these for the same proof: one more reason for BatchVerifier.
    function test_sameNumberUnderAnotherNameIsRefused() public {
        for (uint256 i = 0; i < kept.proof.length / 32; ++i) {
            uint256 word = wordAt(kept.proof, i);
            assertFalse(accepted(kept.publicValue, withWord(kept.proof, i, word + R)), "scalar modulus");
            assertFalse(accepted(kept.publicValue, withWord(kept.proof, i, word + Q)), "base modulus");
        }
        uint256 scalar = LIMBS + 2 * uint256(commitments);
        bytes memory aliased = withWord(kept.proof, scalar, wordAt(kept.proof, scalar) + R);
        (bool direct,) = halo2.staticcall(halo2Calldata(kept.publicValue, aliased));
        assertTrue(direct, "the generated verifier reduces scalars");
    }

    function test_everyByteOfThePublicValueCounts() public view {
        for (uint256 i = 0; i < 32; ++i) {
            assertFalse(accepted(kept.publicValue ^ bytes32(uint256(1) << (8 * i)), kept.proof));
        }
    }

    function test_anotherProgramOrMachineIsRefused() public {
        bytes32 one = bytes32(uint256(1));
        assertFalse(pinning(kept.exe ^ one, kept.vmCommitment).verify(kept.publicValue, kept.proof));
        assertFalse(pinning(kept.exe, kept.vmCommitment ^ one).verify(kept.publicValue, kept.proof));
        assertFalse(pinning(kept.vmCommitment, kept.exe).verify(kept.publicValue, kept.proof));
    }

    function test_truncatedOrExtendedProofIsRefused() public view {
        bytes memory shorter = bytes.concat(kept.proof);
        assembly {
            mstore(shorter, sub(mload(shorter), 32))
        }
        assertFalse(accepted(kept.publicValue, shorter));
        assertFalse(accepted(kept.publicValue, bytes.concat(kept.proof, bytes32(0))));
        assertFalse(accepted(kept.publicValue, ""));
    }

    function test_verifierWithoutEnoughGasSaysNo() public view {
        assertTrue(batchVerifier.verify{gas: GAS}(kept.publicValue, kept.proof));
        for (uint256 gas = 20_000; gas < 200_000; gas += 7001) {
            try batchVerifier.verify{gas: gas}(kept.publicValue, kept.proof) returns (bool valid) {
                assertFalse(valid);
            } catch {}
        }
    }
}

/// @notice A circuit of a few rows with the wrapper's instances and the same generator. It leaves its accumulator free,
/// so that honest proofs of it can carry a false one.
contract SmallHalo2Test is Halo2Test {
    string internal constant FILE = "bridge/test/fixtures/small-proofs.json";

    function setUp() public {
        string memory json = vm.readFile(FILE);
        load("SmallHalo2Verifier.sol:SmallHalo2Verifier", json, ".valid", json);
    }

    function test_anotherTrueAccumulatorIsAccepted() public view {
        bytes memory proof = vm.parseJsonBytes(vm.readFile(FILE), ".validOtherAccumulator");
        assertTrue(batchVerifier.verify(kept.publicValue, proof));
    }

    /// The proof itself is valid: only the pairing of the accumulator is wrong.
    function test_falseAccumulatorIsRefused() public view {
        bytes memory proof = vm.parseJsonBytes(vm.readFile(FILE), ".falseAccumulator");
        assertFalse(batchVerifier.verify(kept.publicValue, proof));
    }
}

/// @notice A proof of the state-transition program, made by the prover of this repository.
contract StateTransitionHalo2Test is Halo2Test {
    function setUp() public {
        loadStateTransition();
    }

    function test_gasOfVerification() public {
        batchVerifier.verify(kept.publicValue, kept.proof);
        vm.snapshotGasLastCall("BatchVerifier", "verify, execution only");
    }
}
