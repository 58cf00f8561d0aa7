// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IL1BlockOracle} from "../../contracts/src/interfaces/IL1BlockOracle.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {Fixture} from "./utils/Fixture.sol";

/// @notice A contract that sends messages and may refuse or abuse refunds.
contract Messenger {
    IInbox internal immutable inbox;
    bool internal refuses;
    bool internal reenters;

    constructor(IInbox inbox_) {
        inbox = inbox_;
    }

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function setReenters(bool reenters_) external {
        reenters = reenters_;
    }

    function send(uint64 gasLimit) external payable returns (uint64) {
        return inbox.sendMessage{value: msg.value}(address(this), 0, gasLimit, "");
    }

    receive() external payable {
        require(!refuses, "refused");
        if (reenters) {
            reenters = false;
            inbox.withdrawFees();
            inbox.sendMessage{value: msg.value}(address(this), 0, 21_000, "");
        }
    }
}

contract InboxTest is Fixture {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @dev One step of the queue's hash, written out from docs/PROTOCOL.md.
    function queueStep(bytes32 before, bytes memory message) internal pure returns (bytes32) {
        return keccak256(bytes.concat(before, keccak256(message)));
    }

    function setPrice(uint256 price) internal {
        asOwner();
        inbox.setMessageGasPrice(price);
    }

    function test_messageIsAnnouncedAndHashed() public {
        bytes memory data = hex"c0ffee";
        bytes32 hash =
            queueStep(0, abi.encode(uint64(0), alice, bob, uint128(0), uint128(5), uint64(50_000), keccak256(data)));
        vm.expectEmit(address(inbox));
        emit IInbox.MessageEnqueued(0, alice, bob, 0, 5, 50_000, data, hash);
        vm.prank(alice, alice);
        assertEq(inbox.sendMessage(bob, 5, 50_000, data), 0);
        assertEq(inbox.nextIndex(), 1);
        assertEq(inbox.queueHash(0), 0);
        assertEq(inbox.queueHash(1), hash);
        assertEq(inbox.enqueuedAt(0), block.timestamp);
    }

    function testFuzz_queueHashIsTheChainOfAllMessages(uint8 count, bytes32 seed) public {
        count = uint8(bound(count, 1, 12));
        bytes32 hash;
        for (uint64 i = 0; i < count; ++i) {
            bytes memory data = abi.encodePacked(keccak256(abi.encode(seed, i)));
            uint64 gasLimit = 21_000 + 40 * 32 + i;
            vm.warp(block.timestamp + i);
            vm.prank(alice, alice);
            assertEq(inbox.sendMessage(bob, i, gasLimit, data), i);
            hash = queueStep(hash, abi.encode(i, alice, bob, uint128(0), uint128(i), gasLimit, keccak256(data)));
            assertEq(inbox.queueHash(i + 1), hash);
            assertEq(inbox.enqueuedAt(i), block.timestamp);
            (bytes32 stateHash, uint64 nextTime) = inbox.queueState(i + 1);
            assertEq(stateHash, hash);
            assertEq(nextTime, 0);
            (, nextTime) = inbox.queueState(i);
            assertEq(nextTime, block.timestamp);
        }
    }

    function test_unknownMessagesAreErrors() public {
        send(21_000);
        bytes memory refused = abi.encodeWithSelector(IInbox.MessageNotEnqueued.selector, 2, 1);
        vm.expectRevert(refused);
        inbox.queueHash(2);
        vm.expectRevert(refused);
        inbox.queueState(2);
        vm.expectRevert(refused);
        inbox.enqueuedAt(1);
    }

    function test_contractSendersAreAliased() public {
        Messenger messenger = new Messenger(inbox);
        address aliased = address(uint160(address(messenger)) + OFFSET);
        vm.expectEmit(true, true, true, false, address(inbox));
        emit IInbox.MessageEnqueued(0, aliased, address(messenger), 0, 0, 21_000, "", 0);
        messenger.send(21_000);
    }

    function test_aliasWrapsAround() public {
        address high = address(type(uint160).max);
        address aliased = address(OFFSET - 1);
        vm.expectEmit(true, true, true, false, address(inbox));
        emit IInbox.MessageEnqueued(0, aliased, bob, 0, 0, 21_000, "", 0);
        vm.prank(high, alice);
        inbox.sendMessage(bob, 0, 21_000, "");
    }

    function testFuzz_gasLimitCoversTheIntrinsicCost(uint256 length, uint64 gasLimit) public {
        length = bound(length, 0, 32_768);
        uint256 minimum = 21_000 + 40 * length;
        assertEq(inbox.minimumGas(length), minimum);
        bytes memory data = new bytes(length);
        if (gasLimit < minimum || gasLimit > 2_000_000) {
            vm.expectRevert(abi.encodeWithSelector(IInbox.GasLimitOutOfRange.selector, gasLimit, minimum, 2_000_000));
        }
        vm.prank(alice, alice);
        inbox.sendMessage(bob, 0, gasLimit, data);
    }

    function test_gasLimitBoundariesAreInclusive() public {
        send(21_000);
        send(2_000_000);
        vm.expectRevert(abi.encodeWithSelector(IInbox.GasLimitOutOfRange.selector, 20_999, 21_000, 2_000_000));
        inbox.sendMessage(bob, 0, 20_999, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.GasLimitOutOfRange.selector, 2_000_001, 21_000, 2_000_000));
        inbox.sendMessage(bob, 0, 2_000_001, "");
    }

    function test_dataIsBounded() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.DataTooLong.selector, 32_769, 32_768));
        inbox.sendMessage(bob, 0, 2_000_000, new bytes(32_769));
        inbox.sendMessage(bob, 0, 2_000_000, new bytes(32_768));
    }

    function test_onlyTheBridgeMints() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotBridge.selector, alice));
        vm.prank(alice);
        inbox.depositMessage(alice, alice, 1 ether, 0, 21_000, "", alice);
    }

    /* fees */

    function test_feeIsChargedAndTheRestReturned() public {
        setPrice(1 gwei);
        uint256 before = alice.balance;
        vm.prank(alice, alice);
        inbox.sendMessage{value: 1 ether}(bob, 0, 100_000, "");
        assertEq(before - alice.balance, 100_000 gwei);
        assertEq(inbox.messageFee(100_000), 100_000 gwei);
        assertEq(address(inbox).balance, 100_000 gwei);
    }

    function test_missingFeeIsRefused() public {
        setPrice(1 gwei);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InsufficientFee.selector, 1, 21_000 gwei));
        vm.prank(alice, alice);
        inbox.sendMessage{value: 1}(bob, 0, 21_000, "");
    }

    function test_priceHasAHardCap() public {
        asOwner();
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageGasPriceTooHigh.selector, 1 gwei + 1, 1 gwei));
        inbox.setMessageGasPrice(1 gwei + 1);
    }

    function test_feesGoToTheCollectorAndNobodyElse() public {
        setPrice(1 gwei);
        vm.prank(alice, alice);
        inbox.sendMessage{value: 21_000 gwei}(bob, 0, 21_000, "");
        vm.expectEmit(address(inbox));
        emit IInbox.FeesWithdrawn(collector, 21_000 gwei);
        vm.prank(bob);
        inbox.withdrawFees();
        assertEq(collector.balance, 21_000 gwei);
        assertEq(bob.balance, 0);
    }

    function test_refusedRefundUndoesTheMessage() public {
        Messenger messenger = new Messenger(inbox);
        messenger.setRefuses(true);
        vm.expectRevert(abi.encodeWithSelector(IInbox.EtherTransferFailed.selector, address(messenger), 1));
        messenger.send{value: 1}(21_000);
        assertEq(inbox.nextIndex(), 0);
    }

    function test_reentrantRefundTakesNothingAndKeepsTheQueueWhole() public {
        setPrice(1 gwei);
        vm.prank(alice, alice);
        inbox.sendMessage{value: 21_000 gwei}(bob, 0, 21_000, "");
        Messenger messenger = new Messenger(inbox);
        messenger.setReenters(true);
        messenger.send{value: 1 ether}(21_000);
        assertEq(inbox.nextIndex(), 3);
        assertEq(collector.balance + address(inbox).balance, 63_000 gwei, "three fees, no more and no less");
        assertEq(address(messenger).balance, 1 ether - 42_000 gwei);
    }

    /* L1 block relay */

    function test_blockIsRelayedFromTheSystemSender() public {
        vm.roll(1000);
        vm.fee(7 gwei);
        vm.prevrandao(bytes32(uint256(99)));
        bytes memory data = abi.encodeCall(
            IL1BlockOracle.setL1Block, (1000, uint64(block.timestamp), 7 gwei, bytes32(uint256(99)), blockhash(999))
        );
        vm.expectEmit(true, true, true, false, address(inbox));
        emit IInbox.MessageEnqueued(0, address(0xC0E0FF), address(0xC0E002), 0, 0, 200_000, data, 0);
        vm.prank(bob);
        inbox.relayL1Block();
    }

    function test_blockIsRelayedOnce() public {
        inbox.relayL1Block();
        vm.expectRevert(abi.encodeWithSelector(IInbox.BlockAlreadyRelayed.selector, block.number));
        inbox.relayL1Block();
        vm.roll(block.number + 1);
        inbox.relayL1Block();
        assertEq(inbox.nextIndex(), 2);
    }
}
