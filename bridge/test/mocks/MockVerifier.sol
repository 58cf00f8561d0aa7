// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IBatchVerifier} from "../../src/interfaces/IBatchVerifier.sol";

/// @notice Accepts exactly the public values that a test has named, with the proof that it names for them.
contract MockVerifier is IBatchVerifier {
    mapping(bytes32 publicValue => bytes32 proofHash) internal accepted;

    function accept(bytes32 publicValue, bytes calldata proof) external {
        accepted[publicValue] = keccak256(proof);
    }

    function verify(bytes32 publicValue, bytes calldata proof) external view returns (bool valid) {
        return accepted[publicValue] == keccak256(proof);
    }
}
