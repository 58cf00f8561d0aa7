// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {TreeModel} from "../../bridge/test/utils/TreeModel.sol";
import {IFeeVault} from "../src/interfaces/IFeeVault.sol";
import {IL1BlockOracle} from "../src/interfaces/IL1BlockOracle.sol";
import {IMessagePasser} from "../src/interfaces/IMessagePasser.sol";
import {Poseidon} from "../src/libraries/Poseidon.sol";
import {SystemAddresses} from "../src/libraries/SystemAddresses.sol";
import {FeeVault} from "../src/system/FeeVault.sol";
import {L1BlockOracle} from "../src/system/L1BlockOracle.sol";
import {MessagePasser} from "../src/system/MessagePasser.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Makes the library's revert observable.
contract PoseidonCaller {
    function hash(uint256 left, uint256 right) external view returns (uint256) {
        return Poseidon.hash(left, right);
    }
}

/// @notice The system contracts where and how the genesis places them: code without constructor, storage set by hand.
contract SystemContractsTest is Test {
    MessagePasser internal passer = MessagePasser(SystemAddresses.MESSAGE_PASSER);
    L1BlockOracle internal oracle = L1BlockOracle(SystemAddresses.L1_BLOCK_ORACLE);
    FeeVault internal vault = FeeVault(payable(SystemAddresses.FEE_VAULT));
    address internal owner = makeAddr("owner");
    address internal recipient = makeAddr("recipient");
    bytes32[] internal leaves;

    function setUp() public {
        vm.etch(address(passer), type(MessagePasser).runtimeCode);
        vm.etch(address(oracle), type(L1BlockOracle).runtimeCode);
        vm.etch(address(vault), type(FeeVault).runtimeCode);
        vm.store(address(passer), 0, TreeModel.root(new bytes32[](0)));
        vm.store(address(vault), 0, bytes32(uint256(uint160(owner))));
        vm.store(address(vault), bytes32(uint256(1)), bytes32(uint256(uint160(recipient))));
        vm.deal(address(this), 1000 ether);
    }

    /* MessagePasser */

    function withdraw(uint256 amount) internal returns (uint64 index) {
        leaves.push(keccak256(abi.encode(uint64(leaves.length), address(this), recipient, amount)));
        return passer.withdraw{value: amount}(recipient);
    }

    function test_withdrawalIsAnnouncedAndKeepsTheMoney() public {
        bytes32 leaf = keccak256(abi.encode(uint64(0), address(this), recipient, 3 ether));
        bytes32[] memory one = new bytes32[](1);
        one[0] = leaf;
        vm.expectEmit(address(passer));
        emit IMessagePasser.WithdrawalInitiated(0, address(this), recipient, 3 ether, leaf, TreeModel.root(one));
        assertEq(passer.withdraw{value: 3 ether}(recipient), 0);
        assertEq(address(passer).balance, 3 ether);
    }

    function testFuzz_rootIsThatOfTheWholeTree(uint8 count) public {
        count = uint8(bound(count, 1, 40));
        for (uint256 i = 0; i < count; ++i) {
            assertEq(withdraw(i + 1), i);
            assertEq(passer.root(), TreeModel.root(leaves));
            assertEq(passer.count(), i + 1);
        }
    }

    function test_storageLayoutIsTheProtocols() public {
        withdraw(1);
        withdraw(2);
        withdraw(3);
        assertEq(vm.load(address(passer), 0), TreeModel.root(leaves), "slot 0: root");
        assertEq(uint256(vm.load(address(passer), bytes32(uint256(1)))), 3, "slot 1: count");
        assertEq(vm.load(address(passer), bytes32(uint256(2))), leaves[2], "slot 2: branch level 0");
        assertEq(
            vm.load(address(passer), bytes32(uint256(3))),
            keccak256(abi.encodePacked(leaves[0], leaves[1])),
            "slot 3: branch level 1"
        );
    }

    function test_lastLeafFitsAndNoneAfterIt() public {
        vm.store(address(passer), bytes32(uint256(1)), bytes32(uint256(2 ** 32 - 1)));
        assertEq(passer.withdraw{value: 1}(recipient), 2 ** 32 - 1);
        vm.expectRevert(IMessagePasser.TreeFull.selector);
        passer.withdraw{value: 1}(recipient);
    }

    function test_withdrawalNeedsMoneyAndARecipient() public {
        vm.expectRevert(IMessagePasser.ZeroAmount.selector);
        passer.withdraw(recipient);
        vm.expectRevert(IMessagePasser.ZeroRecipient.selector);
        passer.withdraw{value: 1}(address(0));
    }

    function test_moneyWithoutACallIsRefused() public {
        (bool success,) = address(passer).call{value: 1}("");
        assertFalse(success);
    }

    /* L1BlockOracle */

    function test_oracleBelievesTheInboxOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IL1BlockOracle.NotSystemSender.selector, address(this)));
        oracle.setL1Block(1, 2, 3, bytes32(uint256(4)), bytes32(uint256(5)));
        vm.expectEmit(address(oracle));
        emit IL1BlockOracle.L1BlockSet(1, 2, 3, bytes32(uint256(4)), bytes32(uint256(5)));
        vm.prank(SystemAddresses.SYSTEM_SENDER);
        oracle.setL1Block(1, 2, 3, bytes32(uint256(4)), bytes32(uint256(5)));
        assertEq(oracle.number(), 1);
        assertEq(oracle.timestamp(), 2);
        assertEq(oracle.baseFee(), 3);
        assertEq(oracle.prevRandao(), bytes32(uint256(4)));
        assertEq(oracle.parentHash(), bytes32(uint256(5)));
    }

    function test_oracleNeverGoesBack() public {
        vm.startPrank(SystemAddresses.SYSTEM_SENDER);
        oracle.setL1Block(10, 0, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IL1BlockOracle.StaleL1Block.selector, 10, 10));
        oracle.setL1Block(10, 0, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IL1BlockOracle.StaleL1Block.selector, 9, 10));
        oracle.setL1Block(9, 0, 0, 0, 0);
        vm.stopPrank();
    }

    function test_relayedUpdateFitsItsGas() public {
        vm.prank(SystemAddresses.SYSTEM_SENDER);
        uint256 before = gasleft();
        oracle.setL1Block(10, 1, 1, bytes32(uint256(1)), bytes32(uint256(1)));
        assertLt(before - gasleft() + inboxIntrinsicGas(), 200_000);
    }

    function inboxIntrinsicGas() internal pure returns (uint256) {
        return 21_000 + 40 * (4 + 5 * 32);
    }

    /* FeeVault */

    function test_feesLeaveThroughTheMessagePasserOnly() public {
        vm.deal(address(vault), 7 ether);
        vm.expectEmit(address(vault));
        emit IFeeVault.FeesWithdrawn(recipient, 7 ether, 0);
        vm.prank(makeAddr("anybody"));
        vault.withdraw();
        assertEq(address(vault).balance, 0);
        assertEq(address(passer).balance, 7 ether);
        vm.expectRevert(IMessagePasser.ZeroAmount.selector);
        vault.withdraw();
    }

    function test_vaultWithoutRecipientKeepsItsMoney() public {
        vm.store(address(vault), bytes32(uint256(1)), 0);
        vm.deal(address(vault), 7 ether);
        vm.expectRevert(IFeeVault.ZeroAddress.selector);
        vault.withdraw();
    }

    function test_onlyTheOwnerGovernsTheVault() public {
        bytes memory refused = abi.encodeWithSelector(IFeeVault.NotOwner.selector, address(this));
        vm.expectRevert(refused);
        vault.setRecipient(address(this));
        vm.expectRevert(refused);
        vault.setOwner(address(this));
        vm.startPrank(owner);
        vm.expectRevert(IFeeVault.ZeroAddress.selector);
        vault.setRecipient(address(0));
        vm.expectRevert(IFeeVault.ZeroAddress.selector);
        vault.setOwner(address(0));
        vault.setRecipient(address(this));
        vault.setOwner(address(this));
        vm.stopPrank();
        assertEq(vault.recipient(), address(this));
        assertEq(vault.owner(), address(this));
    }

    /* Poseidon */

    function test_poseidonFailsLoudlyWhereThePrecompileIsMissing() public {
        PoseidonCaller caller = new PoseidonCaller();
        vm.expectRevert(abi.encodeWithSelector(Poseidon.PoseidonFailed.selector, 1, 2));
        caller.hash(1, 2);
        vm.mockCall(SystemAddresses.POSEIDON, abi.encode(1, 2), abi.encode(3));
        assertEq(caller.hash(1, 2), 3);
    }
}
