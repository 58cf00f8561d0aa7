// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../src/BatchVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @notice A proof by a real prover, against the contract that was generated for its circuit.
struct KeptProof {
    bytes32 publicValue;
    bytes32 exe;
    bytes32 vmCommitment;
    bytes proof;
}

/// @notice A kept proof with the verifier that its circuit generates behind a `BatchVerifier`.
abstract contract Halo2Fixture is Test {
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 internal constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant LIMBS = 12;
    /// @dev A precompile that is given a false point takes all gas: what is refused may cost this much.
    uint256 internal constant GAS = 1_000_000;

    KeptProof internal kept;
    address internal halo2;
    BatchVerifier internal batchVerifier;
    uint16 internal commitments;
    uint16 internal evaluations;

    /// The state-transition program's.
    function loadStateTransition() internal {
        string memory proof = vm.readFile("prover/proof/state-transition.proof.json");
        string memory layout = vm.readFile("bridge/src/generated/halo2-verifier.json");
        load("Halo2Verifier.sol:Halo2Verifier", proof, ".proof", layout);
    }

    /// @param artifact The generated contract, which is compiled for itself (foundry.toml) and so can't be imported.
    function load(string memory artifact, string memory proofJson, string memory proofKey, string memory layoutJson)
        internal
    {
        kept.publicValue = vm.parseJsonBytes32(proofJson, ".publicValue");
        kept.exe = vm.parseJsonBytes32(proofJson, ".exe");
        kept.vmCommitment = vm.parseJsonBytes32(proofJson, ".vm");
        kept.proof = vm.parseJsonBytes(proofJson, proofKey);
        commitments = uint16(vm.parseJsonUint(layoutJson, ".commitments"));
        evaluations = uint16(vm.parseJsonUint(layoutJson, ".evaluations"));
        halo2 = vm.deployCode(artifact);
        batchVerifier = pinning(kept.exe, kept.vmCommitment);
    }

    function pinning(bytes32 exe, bytes32 machine) internal returns (BatchVerifier) {
        return new BatchVerifier(halo2, exe, machine, commitments, evaluations, "unsafe-test");
    }

    /// Whether it is accepted; a revert is a refusal.
    function accepted(bytes32 value, bytes memory proof) internal view returns (bool) {
        try batchVerifier.verify{gas: GAS}(value, proof) returns (bool valid) {
            return valid;
        } catch {
            return false;
        }
    }

    function wordAt(bytes memory proof, uint256 index) internal pure returns (uint256 word) {
        assembly {
            word := mload(add(proof, add(0x20, mul(index, 0x20))))
        }
    }

    /// A copy with one word replaced.
    function withWord(bytes memory proof, uint256 index, uint256 word) internal pure returns (bytes memory copy) {
        copy = bytes.concat(proof);
        assembly {
            mstore(add(copy, add(0x20, mul(index, 0x20))), word)
        }
    }

    function halo2Calldata(bytes32 value, bytes memory proof) internal view returns (bytes memory data) {
        for (uint256 i = 0; i < LIMBS; ++i) {
            data = bytes.concat(data, bytes32(wordAt(proof, i)));
        }
        data = bytes.concat(data, kept.exe, kept.vmCommitment);
        for (uint256 i = 0; i < 32; ++i) {
            data = bytes.concat(data, bytes32(uint256(uint8(value[i]))));
        }
        for (uint256 i = LIMBS; i < proof.length / 32; ++i) {
            data = bytes.concat(data, bytes32(wordAt(proof, i)));
        }
    }
}
