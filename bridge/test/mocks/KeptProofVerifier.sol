// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../src/BatchVerifier.sol";
import {IBatchVerifier} from "../../src/interfaces/IBatchVerifier.sol";

/// @notice For measuring: checks the proof that is given, but for the value that it was made for.
contract KeptProofVerifier is IBatchVerifier {
    BatchVerifier internal immutable VERIFIER;
    bytes32 internal immutable VALUE;

    constructor(BatchVerifier verifier, bytes32 value) {
        VERIFIER = verifier;
        VALUE = value;
    }

    function verify(bytes32, bytes calldata proof) external view returns (bool valid) {
        return VERIFIER.verify(VALUE, proof);
    }
}
