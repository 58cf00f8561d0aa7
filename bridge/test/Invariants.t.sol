// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {MessagePasser} from "../../contracts/src/system/MessagePasser.sol";
import {Bridge} from "../src/Bridge.sol";
import {CLN} from "../src/CLN.sol";
import {Inbox} from "../src/Inbox.sol";
import {Rollup} from "../src/Rollup.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./utils/Fixture.sol";
import {TreeModel} from "./utils/TreeModel.sol";

/// @notice Drives the whole L1 side with random actions and keeps its own books. The L2 is modelled by one account's
/// balance (what all users hold there together) and the real `MessagePasser`.
contract Handler is Fixture {
    struct Withdrawal {
        address recipient;
        uint256 amount;
        bool claimed;
    }

    MessagePasser internal passer;
    Withdrawal[] internal withdrawals;
    bytes32[] internal leaves;
    /// @dev Withdrawals contained in the root of batch i.
    uint256[] internal leavesAfterBatch;
    IRollup.Batch[] internal batches;

    uint256 public minted;
    uint256 public deposited;
    uint256 public claimedAmount;
    uint256 public l2Supply;
    uint64 public messages;
    bytes32 public queueHash;
    uint64 public provenUpTo;

    constructor() {
        setUp();
        minted = cln.totalSupply();
        passer = new MessagePasser();
        vm.store(address(passer), 0, TreeModel.root(new bytes32[](0)));
        batches.push(genesisBatch);
        leavesAfterBatch.push(0);
    }

    /* L1 actions */

    function mint(uint256 amount, uint256 reserve) external {
        amount = bound(amount, 0, 1e30);
        reserve = bound(reserve, 0, 2e30);
        vm.prank(attester);
        cln.attestReserve(reserve, uint64(block.timestamp + 1 days));
        bool fits = cln.totalSupply() + amount <= reserve;
        if (!fits) vm.expectRevert();
        vm.prank(minter);
        cln.mint(alice, amount);
        if (fits) {
            minted += amount;
            assert(cln.totalSupply() <= cln.attestedReserve());
        }
    }

    function deposit(uint256 amount) external {
        amount = bound(amount, 0, cln.balanceOf(alice));
        if (amount == 0 || rollup.paused()) return;
        depositAs(alice, alice, amount);
        deposited += amount;
        l2Supply += amount;
        appendMessage(alice, alice, uint128(amount), uint128(amount), 21_000, "");
    }

    function sendMessage(uint128 value, uint64 gasLimit, bytes calldata data) external {
        bytes memory short = data.length > 1000 ? data[:1000] : data;
        gasLimit = uint64(bound(gasLimit, inbox.minimumGas(short.length), inbox.MAX_MESSAGE_GAS()));
        vm.prank(bob, bob);
        inbox.sendMessage(alice, value, gasLimit, short);
        appendMessage(bob, alice, 0, value, gasLimit, short);
    }

    function appendMessage(address from, address to, uint128 mint_, uint128 value, uint64 gasLimit, bytes memory data)
        internal
    {
        bytes32 message = keccak256(abi.encode(messages, from, to, mint_, value, gasLimit, keccak256(data)));
        queueHash = keccak256(abi.encode(queueHash, message));
        ++messages;
    }

    function passTime(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3 days));
    }

    /// @dev Rarely: most other actions can do nothing during a pause.
    function pause(uint256 chance) external {
        if (chance % 16 != 0) return;
        vm.prank(guardian);
        try rollup.pause() {} catch {}
    }

    /* L2 and batches */

    function withdrawOnL2(uint256 amount) external {
        amount = bound(amount, 0, l2Supply / 4);
        if (amount == 0) return;
        l2Supply -= amount;
        vm.deal(address(this), amount);
        uint64 index = passer.withdraw{value: amount}(bob);
        leaves.push(keccak256(abi.encode(index, address(this), bob, amount)));
        withdrawals.push(Withdrawal(bob, amount, false));
    }

    function commitBatch(uint256 count) external {
        if (rollup.paused()) return;
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.messagesAfter = uint64(bound(count, tip.messagesAfter, messages));
        c.queueHashAfter = inbox.queueHash(c.messagesAfter);
        c.withdrawalRoot = passer.root();
        (, uint64 enqueuedAt) = inbox.queueState(c.messagesAfter);
        bool full = c.messagesAfter - tip.messagesAfter >= rollup.MAX_FORCED_MESSAGES();
        if (!full && enqueuedAt != 0 && block.timestamp > enqueuedAt + FORCE_AFTER) {
            vm.expectRevert(abi.encodeWithSelector(IRollup.ForcedMessageLeftOut.selector, c.messagesAfter, enqueuedAt));
            vm.prank(sequencer);
            rollup.commitBatch(tip, c, "data");
            return;
        }
        batches.push(commit(c, "data"));
        leavesAfterBatch.push(leaves.length);
    }

    function revertBatches(uint256 to) external {
        uint64 finalized = rollup.lastFinalizedBatch();
        if (tip.batchIndex == finalized || rollup.paused() || rollup.isOpen()) return;
        uint256 newTip = bound(to, finalized, tip.batchIndex - 1);
        vm.prank(sequencer);
        rollup.revertBatches(batches[newTip]);
        while (batches.length > newTip + 1) {
            batches.pop();
            leavesAfterBatch.pop();
        }
        tip = batches[newTip];
    }

    function proveBatches(uint256 from, uint256 to) external {
        uint64 finalized = rollup.lastFinalizedBatch();
        if (tip.batchIndex == finalized || rollup.paused()) return;
        (, uint64 enqueuedAt) = inbox.queueState(rollup.nextMessage());
        if (enqueuedAt != 0 && block.timestamp > enqueuedAt + OPEN_AFTER) return;
        from = bound(from, 1, finalized + 1);
        to = bound(to, finalized + 1, tip.batchIndex);
        prove(proveInput(batches[from], batches[to]));
        provenUpTo = uint64(to);
    }

    function proveFalsely(uint256 to, bytes calldata proof) external {
        uint64 finalized = rollup.lastFinalizedBatch();
        if (tip.batchIndex == finalized || rollup.paused()) return;
        to = bound(to, finalized + 1, tip.batchIndex);
        IRollup.ProveInput memory input = proveInput(batches[finalized + 1], batches[to]);
        input.proof = proof;
        vm.expectRevert();
        vm.prank(alice);
        rollup.proveBatches(input);
    }

    /* claims */

    function claim(uint256 which) external {
        if (withdrawals.length == 0 || rollup.paused()) return;
        uint64 index = uint64(bound(which, 0, withdrawals.length - 1));
        uint64 batch = rollup.lastFinalizedBatch();
        uint256 known = leavesAfterBatch[batch];
        Withdrawal storage withdrawal = withdrawals[index];
        bytes32[] memory tree = new bytes32[](known);
        for (uint256 i = 0; i < known; ++i) {
            tree[i] = leaves[i];
        }
        bytes32[32] memory proof = TreeModel.proof(tree, index);
        bool payable_ = index < known && !withdrawal.claimed;
        if (!payable_) vm.expectRevert();
        bridge.claimWithdrawal(batch, index, address(this), withdrawal.recipient, withdrawal.amount, proof);
        if (!payable_) return;
        withdrawal.claimed = true;
        claimedAmount += withdrawal.amount;
    }

    /* what the invariants read */

    function contracts() external view returns (Rollup, Inbox, Bridge, CLN) {
        return (rollup, inbox, bridge, cln);
    }

    function unclaimed() external view returns (uint256 sum) {
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            if (!withdrawals[i].claimed) sum += withdrawals[i].amount;
        }
    }

    function batchCount() external view returns (uint256) {
        return batches.length;
    }

    function batchAt(uint256 index) external view returns (IRollup.Batch memory) {
        return batches[index];
    }

    function claims() external view returns (uint256 count) {
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            if (withdrawals[i].claimed) ++count;
        }
    }

    function hashOfBatch(uint256 index) external view returns (bytes32) {
        return hashOf(batches[index]);
    }
}

contract InvariantsTest is Fixture {
    Handler internal handler;

    /// @dev The random walk must reach the interesting states, or the invariants say nothing: the whole way from a
    /// deposit to a paid withdrawal, by the same actions.
    function test_actionsReachAPaidWithdrawal() public {
        handler.deposit(100 ether);
        handler.withdrawOnL2(7 ether);
        handler.commitBatch(1);
        handler.claim(0);
        assertEq(handler.claims(), 0, "not final yet");
        handler.proveBatches(1, 1);
        handler.claim(0);
        assertEq(handler.claims(), 1);
        handler.claim(0);
        assertEq(handler.claims(), 1);
        assertEq(handler.claimedAmount(), 7 ether);
    }

    function setUp() public override {
        handler = new Handler();
        (rollup, inbox, bridge, cln) = handler.contracts();
        bytes4[] memory actions = new bytes4[](11);
        actions[0] = Handler.mint.selector;
        actions[1] = Handler.deposit.selector;
        actions[2] = Handler.sendMessage.selector;
        actions[3] = Handler.passTime.selector;
        actions[4] = Handler.pause.selector;
        actions[5] = Handler.withdrawOnL2.selector;
        actions[6] = Handler.commitBatch.selector;
        actions[7] = Handler.revertBatches.selector;
        actions[8] = Handler.proveBatches.selector;
        actions[9] = Handler.proveFalsely.selector;
        actions[10] = Handler.claim.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), actions));
    }

    /// Every CLN wei on L2, and every withdrawal not yet paid, is in escrow; no more is.
    function invariant_moneyIsConserved() public view {
        assertEq(bridge.escrowed(), handler.deposited() - handler.claimedAmount());
        assertEq(bridge.escrowed(), handler.l2Supply() + handler.unclaimed());
        assertEq(cln.balanceOf(address(bridge)), bridge.escrowed());
        assertEq(cln.totalSupply(), handler.minted());
    }

    /// The queue has no gaps, and its hash is that of exactly the messages sent.
    function invariant_queueIsComplete() public view {
        assertEq(inbox.nextIndex(), handler.messages());
        assertEq(inbox.queueHash(inbox.nextIndex()), handler.queueHash());
    }

    /// Finality is what was proven, within what was committed, and it processed no message that does not exist.
    function invariant_finalityIsProven() public view {
        uint64 finalized = rollup.lastFinalizedBatch();
        uint64 committed = rollup.lastCommittedBatch();
        assertEq(finalized, handler.provenUpTo());
        assertLe(finalized, committed);
        assertEq(committed + 1, handler.batchCount());
        assertEq(rollup.nextUnfinalizedMessage(), handler.batchAt(finalized).messagesAfter);
        assertEq(rollup.nextMessage(), handler.batchAt(committed).messagesAfter);
        assertLe(rollup.nextUnfinalizedMessage(), rollup.nextMessage());
        assertLe(rollup.nextMessage(), inbox.nextIndex());
    }

    /// The stored hashes are a chain over the committed batches.
    function invariant_batchesAreAChain() public view {
        for (uint64 i = 0; i < handler.batchCount(); ++i) {
            assertEq(rollup.batchHash(i), handler.hashOfBatch(i));
            if (i > 0) assertEq(handler.batchAt(i).parentBatchHash, rollup.batchHash(i - 1));
        }
    }
}
