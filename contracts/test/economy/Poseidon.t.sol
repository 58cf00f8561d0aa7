// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Field} from "../../src/libraries/Field.sol";
import {Poseidon} from "../../src/libraries/Poseidon.sol";
import {PoseidonFallback} from "../../src/libraries/PoseidonFallback.sol";
import {PoseidonSolidity} from "../../src/libraries/PoseidonSolidity.sol";
import {PoseidonTree} from "../../src/libraries/PoseidonTree.sol";
import {SystemAddresses} from "../../src/libraries/SystemAddresses.sol";
import {PoseidonModel} from "../utils/PoseidonModel.sol";
import {Test} from "forge-std/Test.sol";

/// @notice One tree, and the libraries' reverts made observable.
contract TreeUser {
    using PoseidonTree for PoseidonTree.Tree;

    PoseidonTree.Tree internal tree;

    function append(uint256 leaf) external returns (uint256 index) {
        return tree.append(leaf);
    }

    function replace(uint256 index, uint256 oldLeaf, uint256 newLeaf, uint256[20] calldata siblings) external {
        tree.replace(index, oldLeaf, newLeaf, siblings);
    }

    function root() external view returns (uint256) {
        return tree.root();
    }

    /// @dev As after appending `2²⁰ - 1` leaves with these subtrees.
    function fillButOne(uint256[20] calldata subtrees) external {
        tree.count = 2 ** 20 - 1;
        for (uint256 level = 0; level < 20; ++level) {
            tree.branch[level] = subtrees[level];
        }
    }

    function hash(uint256 left, uint256 right) external view returns (uint256) {
        return Poseidon.hash(left, right);
    }
}

contract PoseidonTest is Test {
    TreeUser internal user;
    uint256[] internal leaves;

    function setUp() public {
        vm.etch(SystemAddresses.POSEIDON, type(PoseidonFallback).runtimeCode);
        user = new TreeUser();
    }

    function test_circomlibVectorsHold() public view {
        string memory json = vm.readFile("test/vectors/poseidon.json");
        uint256[] memory left = vm.parseJsonUintArray(json, ".left");
        uint256[] memory right = vm.parseJsonUintArray(json, ".right");
        uint256[] memory expected = vm.parseJsonUintArray(json, ".hash");
        assertEq(expected.length, 16);
        for (uint256 i = 0; i < expected.length; ++i) {
            assertEq(PoseidonSolidity.hash(left[i], right[i]), expected[i]);
            assertEq(user.hash(left[i], right[i]), expected[i], "as the precompile");
        }
        assertEq(
            expected[1],
            7_853_200_120_776_062_878_684_798_364_095_072_458_815_029_376_092_732_009_249_414_926_327_459_813_530,
            "H(1, 2)"
        );
    }

    /// The wallet's and the CLI's rule for an identity commitment, H(s, 0), for s = 1.
    function test_identityCommitmentOfOne() public view {
        assertEq(
            user.hash(1, 0),
            18_423_194_802_802_147_121_294_641_945_063_302_532_319_431_080_857_859_605_204_660_473_644_265_519_999
        );
    }

    function test_emptyRootsAreThoseOfEmptyTrees() public {
        string memory json = vm.readFile("test/vectors/poseidon.json");
        uint256[] memory empty = vm.parseJsonUintArray(json, ".empty");
        assertEq(PoseidonModel.root(new uint256[](0)), empty[20]);
        // An empty leaf appended leaves the tree empty: every constant was used.
        assertEq(user.root(), 0);
        user.append(0);
        assertEq(user.root(), empty[20]);
    }

    function test_fallbackRefusesWhatThePrecompileRefuses() public {
        uint256 modulus = Field.MODULUS;
        uint256[2][3] memory pairs = [[modulus, 0], [uint256(0), modulus], [type(uint256).max, modulus]];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Poseidon.PoseidonFailed.selector, pairs[i][0], pairs[i][1]));
            user.hash(pairs[i][0], pairs[i][1]);
        }
        for (uint256 length = 0; length <= 96; length += 32) {
            (bool success,) = SystemAddresses.POSEIDON.call(new bytes(length));
            assertEq(success, length == 64);
        }
    }

    function testFuzz_fallbackIsTheHash(uint256 left, uint256 right) public view {
        left = bound(left, 0, Field.MODULUS - 1);
        right = bound(right, 0, Field.MODULUS - 1);
        assertEq(user.hash(left, right), PoseidonSolidity.hash(left, right));
    }

    /* tree */

    function append(uint256 leaf) internal {
        leaves.push(leaf);
        assertEq(user.append(leaf), leaves.length - 1);
        assertEq(user.root(), PoseidonModel.root(leaves));
    }

    /// forge-config: default.fuzz.runs = 8
    function testFuzz_rootIsThatOfTheWholeTree(uint256 count, uint256 seed) public {
        count = bound(count, 1, 12);
        for (uint256 i = 0; i < count; ++i) {
            append(bound(uint256(keccak256(abi.encode(seed, i))), 0, Field.MODULUS - 1));
        }
    }

    /// @dev Replacing and appending in turns: the edge that appends build on must follow every replacement.
    /// forge-config: default.fuzz.runs = 8
    function testFuzz_replacingKeepsTheEdge(uint256 seed) public {
        for (uint256 i = 0; i < 10; ++i) {
            append(i + 1);
            uint256 index = uint256(keccak256(abi.encode(seed, i))) % leaves.length;
            uint256 old = leaves[index];
            uint256[20] memory siblings = PoseidonModel.proof(leaves, index);
            leaves[index] = 1000 + i;
            user.replace(index, old, 1000 + i, siblings);
            assertEq(user.root(), PoseidonModel.root(leaves));
        }
    }

    /// Leaves appended after the path was read do not spoil it.
    /// forge-config: default.fuzz.runs = 8
    function testFuzz_pathsOutliveAppends(uint256 before, uint256 later, uint256 index) public {
        before = bound(before, 1, 9);
        later = bound(later, 1, 9);
        index = bound(index, 0, before - 1);
        for (uint256 i = 0; i < before; ++i) {
            append(i + 1);
        }
        uint256[20] memory siblings = PoseidonModel.proof(leaves, index);
        uint256[20] memory now_ = siblings;
        for (uint256 i = 0; i < later; ++i) {
            append(100 + i);
        }
        // Only what was a complete subtree then must be right; subtrees that filled up since must be given anew.
        uint256[20] memory present = PoseidonModel.proof(leaves, index);
        for (uint256 level = 0; level < 20; ++level) {
            uint256 end = (((index >> level) ^ 1) + 1) << level;
            if (end > before && end <= before + later) now_[level] = present[level];
        }
        uint256 old = leaves[index];
        leaves[index] = 1000;
        user.replace(index, old, 1000, now_);
        assertEq(user.root(), PoseidonModel.root(leaves));
        append(7);
    }

    function test_onlyALeafOfTheTreeIsReplaced() public {
        append(7);
        append(8);
        uint256[20] memory siblings = PoseidonModel.proof(leaves, 1);
        bytes4 refused = PoseidonTree.NotInTree.selector;
        vm.expectRevert(abi.encodeWithSelector(refused, 1));
        user.replace(1, 9, 10, siblings);
        vm.expectRevert(abi.encodeWithSelector(refused, 0));
        user.replace(0, 8, 10, siblings);
        vm.expectRevert(abi.encodeWithSelector(refused, 2));
        user.replace(2, 0, 10, PoseidonModel.proof(leaves, 2));
        siblings[0] = 1;
        vm.expectRevert(abi.encodeWithSelector(refused, 1));
        user.replace(1, 8, 10, siblings);
    }

    /// The last leaf's path: its siblings are all the subtrees to the left.
    function test_lastLeafFitsAndNoneAfterIt() public {
        uint256[20] memory subtrees;
        for (uint256 level = 0; level < 20; ++level) {
            subtrees[level] = 100 + level;
        }
        user.fillButOne(subtrees);
        assertEq(user.append(1), 2 ** 20 - 1);
        assertEq(user.root(), lastPath(1, subtrees));
        vm.expectRevert(PoseidonTree.TreeFull.selector);
        user.append(1);
        user.replace(2 ** 20 - 1, 1, 2, subtrees);
        assertEq(user.root(), lastPath(2, subtrees));
        vm.expectRevert(abi.encodeWithSelector(PoseidonTree.NotInTree.selector, 2 ** 20 - 1));
        user.replace(2 ** 20 - 1, 1, 3, subtrees);
    }

    function lastPath(uint256 leaf, uint256[20] memory siblings) internal pure returns (uint256 node) {
        node = leaf;
        for (uint256 level = 0; level < 20; ++level) {
            node = PoseidonSolidity.hash(siblings[level], node);
        }
    }
}
