// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {DeployEconomy} from "../../../deploy/economy/DeployEconomy.s.sol";
import {EconomyConfig} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {Field} from "../../src/libraries/Field.sol";
import {SplitVerifier} from "../../src/usage/SplitVerifier.sol";
import {SplitVerifierFixture} from "../utils/SplitVerifierFixture.sol";

/// @notice A kept real proof (test/vectors/split-proof.json) and changes of it.
contract SplitVerifierTest is SplitVerifierFixture {
    uint256 internal constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant WORDS = 177;
    uint256 internal constant FIRST_EVALUATION = 96;
    uint256 internal constant FIRST_OPENING = 173;
    /// @dev EIP-170.
    uint256 internal constant MAX_CODE_BYTES = 24_576;

    function boundOf(uint256 word) internal pure returns (uint256) {
        return word < FIRST_EVALUATION || word >= FIRST_OPENING ? BASE_MODULUS : Field.MODULUS;
    }

    function wordOf(bytes memory data, uint256 index) internal pure returns (uint256 word) {
        assembly {
            word := mload(add(data, mul(32, add(index, 1))))
        }
    }

    /// The proof with another word.
    function with(uint256 index, uint256 word) internal view returns (bytes memory changed) {
        changed = proof;
        assembly {
            mstore(add(changed, mul(32, add(index, 1))), word)
        }
    }

    function withInput(uint256 index, uint256 input) internal view returns (uint256[8] memory changed) {
        changed = inputs;
        changed[index] = input;
    }

    function partAt(uint256 index) internal view returns (address) {
        (address[3] memory accounts,) = verifier.parts();
        return accounts[index];
    }

    /// What a part is called with: inputs and proof, then the memory of the part before it.
    function calldataOf(uint256 index) internal view returns (bytes memory data) {
        data = abi.encodePacked(inputs, proof);
        for (uint256 i = 0; i < index; ++i) {
            (, data) = partAt(i).staticcall(data);
        }
    }

    function accepts(uint256 index, bytes memory data) internal view returns (bool accepted) {
        (accepted,) = partAt(index).staticcall(data);
    }

    /// The last bytes are cut off.
    function shortened(bytes memory data, uint256 by) internal pure returns (bytes memory) {
        assembly {
            mstore(data, sub(mload(data), by))
        }
        return data;
    }

    function requireExactLength(uint256 index) internal view {
        assertTrue(accepts(index, calldataOf(index)));
        assertFalse(accepts(index, ""));
        assertFalse(accepts(index, shortened(calldataOf(index), 1)));
        assertFalse(accepts(index, shortened(calldataOf(index), 32)));
        assertFalse(accepts(index, bytes.concat(calldataOf(index), hex"00")));
        assertFalse(accepts(index, bytes.concat(calldataOf(index), bytes32(0))));
    }

    /* what is accepted */

    function test_aRealProofIsAccepted() public view {
        assertTrue(verifier.verify(inputs, proof));
    }

    function test_thePartsFitOnTheChain() public view {
        for (uint256 i = 0; i < verifier.PARTS(); ++i) {
            assertLe(partAt(i).code.length, MAX_CODE_BYTES);
        }
    }

    /* what is refused before the generated contracts are asked */

    function test_lengthIsExact() public view {
        assertEq(proof.length, 32 * WORDS);
        assertEq(proof.length, verifier.PROOF_BYTES());
        assertFalse(verifier.verify(inputs, ""));
        assertFalse(verifier.verify(inputs, bytes.concat(proof, hex"00")));
        assertFalse(verifier.verify(inputs, bytes.concat(proof, bytes32(0))));
        bytes memory shorter = proof;
        assembly {
            mstore(shorter, sub(mload(shorter), 1))
        }
        assertFalse(verifier.verify(inputs, shorter));
        assembly {
            mstore(shorter, sub(mload(shorter), 31))
        }
        assertFalse(verifier.verify(inputs, shorter));
    }

    /// The generated contracts would reduce a scalar and take it for the same.
    function test_sameNumberPlusTheModulusIsRefused() public view {
        for (uint256 i = 0; i < WORDS; ++i) {
            assertFalse(verifier.verify(inputs, with(i, wordOf(proof, i) + boundOf(i))));
            assertFalse(verifier.verify(inputs, with(i, boundOf(i))));
            assertFalse(verifier.verify(inputs, with(i, type(uint256).max)));
        }
        for (uint256 i = 0; i < 8; ++i) {
            assertFalse(verifier.verify(withInput(i, inputs[i] + Field.MODULUS), proof));
        }
    }

    function test_inputsOutOfTheirRangesAreRefused() public view {
        uint256[5] memory places = [uint256(0), 2, 2, 3, 4];
        uint256[5] memory values = [uint256(1) << 64, 0, uint256(1) << 184, uint256(1) << 48, 1_000_000_001];
        for (uint256 i = 0; i < places.length; ++i) {
            uint256[8] memory changed = withInput(places[i], values[i]);
            assertFalse(verifier.verify(changed, proof));
        }
    }

    /// Also the ranges: the proof alone would not tell why it is refused.
    function test_rangesEndWhereTheProtocolSays() public {
        uint256[8] memory largest = [
            type(uint64).max,
            Field.MODULUS - 1,
            (uint256(1) << 184) - 1,
            type(uint48).max,
            1_000_000_000,
            Field.MODULUS - 1,
            Field.MODULUS - 1,
            Field.MODULUS - 1
        ];
        vm.expectCall(partAt(0), abi.encodePacked(largest, proof));
        assertFalse(verifier.verify(largest, proof));
    }

    /* what the generated contracts refuse */

    function test_everyWordOfTheProofCounts() public view {
        for (uint256 i = 0; i < WORDS; ++i) {
            assertFalse(verifier.verify(inputs, with(i, wordOf(proof, i) ^ 1)));
            assertFalse(verifier.verify(inputs, with(i, 0)));
        }
    }

    /// The other root is on the curve too.
    function test_everySignOfAPointCounts() public view {
        for (uint256 i = 1; i < WORDS; i += 2) {
            if (boundOf(i) != BASE_MODULUS) continue;
            if (i >= FIRST_EVALUATION && i < FIRST_OPENING) continue;
            uint256 y = i < FIRST_EVALUATION ? i : i + 1;
            assertFalse(verifier.verify(inputs, with(y, BASE_MODULUS - wordOf(proof, y))));
        }
    }

    function test_everyInputCounts() public view {
        for (uint256 i = 0; i < 8; ++i) {
            assertFalse(verifier.verify(withInput(i, inputs[i] ^ 1), proof));
            assertFalse(verifier.verify(withInput(i, inputs[(i + 1) % 8]), proof));
        }
    }

    /* the parts */

    function test_anotherCodeAtAPartIsRefused() public {
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory code = partAt(i).code;
            for (uint256 j = 0; j < 4; ++j) {
                // None, one that returns nothing, one that returns its calldata, another part.
                bytes[4] memory others = [bytes(""), hex"00", hex"365f5f37365ff3", partAt((i + 1) % 3).code];
                vm.etch(partAt(i), others[j]);
                assertFalse(verifier.verify(inputs, proof));
            }
            vm.etch(partAt(i), code);
            assertTrue(verifier.verify(inputs, proof));
        }
    }

    function test_part1RefusesCalldataOfAnotherLength() public view {
        requireExactLength(0);
    }

    function test_part2RefusesCalldataOfAnotherLength() public view {
        requireExactLength(1);
    }

    function test_part3RefusesCalldataOfAnotherLength() public view {
        requireExactLength(2);
    }

    /// Zeros instead of another part's memory: what a part accepts says nothing, only all three in order do.
    function test_aPartByItselfShowsNothing() public view {
        assertTrue(accepts(2, new bytes(calldataOf(2).length)));
        assertFalse(verifier.verify(inputs, new bytes(proof.length)));
    }

    function test_anAddressWithoutCodeIsNoPart() public {
        (address[3] memory accounts,) = verifier.parts();
        for (uint256 i = 0; i < 3; ++i) {
            address[3] memory wrong = accounts;
            wrong[i] = address(1);
            vm.expectRevert(abi.encodeWithSelector(SplitVerifier.NotAContract.selector, address(1)));
            new SplitVerifier(wrong, "ptau-0011223344556677");
        }
    }

    function test_partsInAnotherOrderAcceptNothing() public {
        (address[3] memory a,) = verifier.parts();
        address[3][2] memory orders = [[a[0], a[2], a[1]], [a[2], a[0], a[1]]];
        for (uint256 i = 0; i < orders.length; ++i) {
            assertFalse(new SplitVerifier(orders[i], "unsafe-dev").verify(inputs, proof));
        }
    }

    /* the reference string */

    function test_theNameTellsWhetherTheReferenceStringIsSafe() public {
        assertEq(verifier.srs(), "unsafe-dev-e9b839ddf819fb95");
        assertFalse(verifier.isSafe());
        assertEq(verifier.name(), "UNSAFE SplitVerifier (development SRS)");
        (address[3] memory accounts,) = verifier.parts();
        SplitVerifier safe = new SplitVerifier(accounts, "ptau-0011223344556677");
        assertTrue(safe.isSafe());
        assertEq(safe.name(), "SplitVerifier");
        string[4] memory unknown = ["", "ptau", "safe-0011", "Unsafe-dev"];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(SplitVerifier.UnknownSrs.selector, unknown[i]));
            new SplitVerifier(accounts, unknown[i]);
        }
    }

    function test_anUnsafeReferenceStringIsForTimelocksWithoutDelayOnly() public {
        requireSafeSplitVerifier(address(verifier), 0);
        (address[3] memory accounts,) = verifier.parts();
        requireSafeSplitVerifier(address(new SplitVerifier(accounts, "ptau-0011223344556677")), 30 days);
        vm.expectRevert(abi.encodeWithSelector(UnsafeSplitVerifier.selector, address(verifier), 1));
        this.requireSafeSplitVerifier(address(verifier), 1);
    }
}

/// @notice What the deployment's configuration says of the verifier.
contract SplitVerifierConfigTest is SplitVerifierFixture {
    DeployEconomy internal script;

    function setUp() public override {
        script = new DeployEconomy();
    }

    function wanted(string memory file, address given) internal view returns (bool) {
        string memory json = vm.readFile(file);
        EconomyConfig memory config = script.readConfig(json);
        config.splitVerifier = given;
        return script.wantsSplitVerifier(json, config);
    }

    function test_developmentDeploysItAndProductionOnlyWhenAskedTo() public view {
        assertTrue(wanted("deploy/economy/config/devnet.json", address(0)));
        assertFalse(wanted("deploy/economy/config/production.example.json", address(0)));
        assertFalse(wanted("deploy/economy/config/production.example.json", address(1)));
    }

    function test_aVerifierIsGivenOrDeployedNotBoth() public {
        string memory json = vm.readFile("deploy/economy/config/devnet.json");
        EconomyConfig memory config = script.readConfig(json);
        config.splitVerifier = address(1);
        vm.expectRevert(abi.encodeWithSelector(DeployEconomy.SplitVerifierGivenTwice.selector, address(1)));
        script.wantsSplitVerifier(json, config);
    }
}

/// @notice Gas of a verification as another contract pays for it, kept under `snapshots/`.
/// forge-config: default.isolate = true
contract SplitVerifierGasTest is SplitVerifierFixture {
    function test_gasOfAVerification() public {
        verifier.verify(inputs, proof);
        vm.snapshotGasLastCall("Economy", "verify a Split proof");
        assertLe(vm.lastCallGas().gasTotalUsed, 900_000);
    }
}
