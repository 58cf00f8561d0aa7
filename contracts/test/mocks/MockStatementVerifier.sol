// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IAggregationVerifier} from "../../src/interfaces/IAggregationVerifier.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {ISplitVerifier} from "../../src/interfaces/ISplitVerifier.sol";

/// @notice Accepts exactly the statements that a test has named, with the proof that it names for them.
contract MockStatementVerifier is ISplitVerifier, IAggregationVerifier, ISettlementVerifier {
    mapping(bytes32 statement => bytes32 proofHash) internal accepted;

    function accept(bytes32 statement, bytes calldata proof) external {
        accepted[statement] = keccak256(proof);
    }

    function verify(uint256[8] calldata inputs, bytes calldata proof) external view returns (bool valid) {
        return accepted[keccak256(abi.encode(inputs))] == keccak256(proof);
    }

    function verify(bytes32 publicValue, bytes calldata proof)
        external
        view
        override(IAggregationVerifier, ISettlementVerifier)
        returns (bool valid)
    {
        return accepted[publicValue] == keccak256(proof);
    }
}
