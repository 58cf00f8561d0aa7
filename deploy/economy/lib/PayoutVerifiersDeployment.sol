// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../../bridge/src/BatchVerifier.sol";
import {AggregationVerifier} from "../../../contracts/src/usage/AggregationVerifier.sol";
import {VerifierConfig, VerifierDeployment} from "../../lib/VerifierDeployment.sol";
import {KeptBytecode} from "./KeptBytecode.sol";
import {console} from "forge-std/console.sol";

/// @notice What the Reveal circuit's part of the aggregation verifier is made of, kept in the repository.
struct RevealKeyConfig {
    /// @dev Hash of the verifying key.
    bytes32 keyHash;
    /// @dev The point [s]₂: x.im, x.re, y.im, y.re.
    uint256[4] sG2;
    /// @dev Name of the reference string.
    string srs;
}

/// @notice Where the verifiers of payouts are.
struct PayoutVerifiers {
    /// @dev The generated verifier, which both programs share.
    address halo2Verifier;
    /// @dev Checks the aggregation program's proofs for `aggregation`.
    address aggregationProofs;
    address aggregation;
    address settlement;
}

/// @title PayoutVerifiersDeployment
/// @notice Deploys what verifies aggregates and settlements: the generated halo2 verifier, a `BatchVerifier` for each of
/// the two programs, and the `AggregationVerifier` before the first.
abstract contract PayoutVerifiersDeployment is VerifierDeployment, KeptBytecode {
    string internal constant AGGREGATION_GUEST = "aggregation";
    string internal constant SETTLEMENT_GUEST = "settlement";
    string internal constant REVEAL_KEY = "contracts/src/generated/reveal-key.json";

    /// @notice A timelock with a delay governs something of value, and under a development setup anybody could prove
    /// anything. Development has a delay of 0.
    error UnsafePayoutVerifier(address verifier, uint256 timelockDelay);
    /// @notice A point of the second group is 4 words.
    error RevealKeyMalformed(uint256 words);

    /// @notice Deploys all of it from the repository's files, as whoever broadcasts.
    function deployPayoutVerifiers() internal returns (PayoutVerifiers memory deployed) {
        return deployPayoutVerifiers(vm.readFile(COMMITMENTS), vm.readFile(LAYOUT), vm.readFile(REVEAL_KEY));
    }

    /// @notice The same from the files' texts.
    function deployPayoutVerifiers(string memory commitments, string memory layout, string memory revealKey)
        internal
        returns (PayoutVerifiers memory deployed)
    {
        RevealKeyConfig memory key = readRevealKey(revealKey);
        deployed.halo2Verifier = deployKept("Halo2Verifier");
        BatchVerifier proofs = _pinning(deployed.halo2Verifier, readProgram(AGGREGATION_GUEST, commitments, layout));
        deployed.aggregationProofs = address(proofs);
        AggregationVerifier aggregation = new AggregationVerifier(proofs, key.keyHash, key.sG2, key.srs);
        deployed.aggregation = address(aggregation);
        BatchVerifier settlement = _pinning(deployed.halo2Verifier, readProgram(SETTLEMENT_GUEST, commitments, layout));
        deployed.settlement = address(settlement);
        console.log(aggregation.name(), aggregation.srs());
        console.log(settlement.name(), settlement.srs());
    }

    /// @notice The Reveal circuit's part from its file's text.
    function readRevealKey(string memory json) public pure returns (RevealKeyConfig memory config) {
        config.srs = vm.parseJsonString(json, ".srs");
        config.keyHash = vm.parseJsonBytes32(json, ".keyHash");
        uint256[] memory words = vm.parseJsonUintArray(json, ".sG2");
        if (words.length != 4) revert RevealKeyMalformed(words.length);
        for (uint256 i = 0; i < 4; ++i) {
            config.sG2[i] = words[i];
        }
    }

    /// @notice Refuses a development setup where the timelock has a delay.
    /// @param aggregation An `AggregationVerifier`, or zero for none.
    /// @param settlement A `BatchVerifier`, or zero for none.
    /// @param timelockDelay Of the timelock that owns the economy, in seconds.
    function requireSafePayoutVerifiers(address aggregation, address settlement, uint256 timelockDelay) public view {
        if (timelockDelay == 0) return;
        if (aggregation != address(0) && !AggregationVerifier(aggregation).isSafe()) {
            revert UnsafePayoutVerifier(aggregation, timelockDelay);
        }
        if (settlement != address(0) && !BatchVerifier(settlement).isSafe()) {
            revert UnsafePayoutVerifier(settlement, timelockDelay);
        }
    }

    function _pinning(address halo2Verifier, VerifierConfig memory config) private returns (BatchVerifier) {
        return new BatchVerifier(
            halo2Verifier, config.exe, config.vmCommitment, config.commitments, config.evaluations, config.srs
        );
    }
}
