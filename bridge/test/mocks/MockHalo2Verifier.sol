// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

/// @notice Answers as generated verifiers do: with nothing for the one calldata that a test has named, else it reverts.
contract MockHalo2Verifier {
    bytes32 internal accepted;

    fallback() external {
        if (keccak256(msg.data) != accepted) revert();
    }

    function accept(bytes calldata data) external {
        accepted = keccak256(data);
    }
}
