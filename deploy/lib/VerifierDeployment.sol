// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {BatchVerifier} from "../../bridge/src/BatchVerifier.sol";
import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";

/// @notice What a verifier is made of, all of it kept in the repository.
struct VerifierConfig {
    /// @dev Commitment to the program.
    bytes32 exe;
    /// @dev Commitment to the virtual machine.
    bytes32 vmCommitment;
    /// @dev Points of a proof before its scalars.
    uint16 commitments;
    /// @dev Scalars of a proof.
    uint16 evaluations;
    /// @dev Name of the reference string.
    string srs;
}

/// @title VerifierDeployment
/// @notice Deploys the generated halo2 verifier and the contract that pins it. The Rust helper
/// `cwe_bindings::verifier` takes the same values from the same files.
abstract contract VerifierDeployment is Script {
    string internal constant COMMITMENTS = "prover/elf/commitments.json";
    string internal constant LAYOUT = "bridge/src/generated/halo2-verifier.json";
    uint256 internal constant ETHEREUM_MAINNET = 1;

    /// @notice On Ethereum mainnet a verifier of a development setup is refused: anybody could prove anything.
    error UnsafeSrs(string srs);
    /// @notice The generated verifier's creation failed.
    error CreationFailed();

    /// @notice The configuration for the program that proves batches, from the two files' texts.
    function readVerifier(string memory commitmentsJson, string memory layoutJson)
        public
        pure
        returns (VerifierConfig memory config)
    {
        return readProgram("state-transition", commitmentsJson, layoutJson);
    }

    /// @notice The same for a program by its name.
    function readProgram(string memory guest, string memory commitmentsJson, string memory layoutJson)
        public
        pure
        returns (VerifierConfig memory config)
    {
        string memory exe = vm.parseJsonString(commitmentsJson, string.concat(".guests.", guest, ".exe"));
        config.exe = vm.parseBytes32(string.concat("0x", exe));
        config.vmCommitment = vm.parseBytes32(string.concat("0x", vm.parseJsonString(commitmentsJson, ".vm")));
        config.commitments = uint16(vm.parseJsonUint(layoutJson, ".commitments"));
        config.evaluations = uint16(vm.parseJsonUint(layoutJson, ".evaluations"));
        config.srs = vm.parseJsonString(layoutJson, ".srs");
    }

    /// @notice Deploys both contracts, as whoever broadcasts.
    function deployVerifier() internal returns (BatchVerifier verifier) {
        VerifierConfig memory config = readVerifier(vm.readFile(COMMITMENTS), vm.readFile(LAYOUT));
        // Compiled with settings of its own (foundry.toml), so that it can't be imported.
        bytes memory code = vm.getCode("Halo2Verifier.sol:Halo2Verifier");
        address halo2;
        assembly ("memory-safe") {
            halo2 := create(0, add(code, 0x20), mload(code))
        }
        if (halo2 == address(0)) revert CreationFailed();
        verifier = new BatchVerifier(
            halo2, config.exe, config.vmCommitment, config.commitments, config.evaluations, config.srs
        );
        requireSafe(verifier);
        console.log(verifier.name(), verifier.srs());
    }

    /// @notice Refuses a development setup on Ethereum mainnet.
    function requireSafe(BatchVerifier verifier) public view {
        if (block.chainid == ETHEREUM_MAINNET && !verifier.isSafe()) revert UnsafeSrs(verifier.srs());
    }
}
