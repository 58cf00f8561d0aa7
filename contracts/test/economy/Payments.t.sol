// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry} from "../../src/interfaces/ICWERegistry.sol";
import {IPullPayments} from "../../src/interfaces/IPullPayments.sol";
import {ISplitPay} from "../../src/interfaces/ISplitPay.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {BurningPayee, ReentrantPayee, RefusingPayee} from "../mocks/Payees.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";

contract SplitPayTest is EconomyFixture {
    function pay(bytes32 workId, uint256 amount) internal {
        vm.prank(listener);
        splitPay.pay{value: amount}(workId);
    }

    function test_paymentIsOwedByShares() public {
        bytes32 workId = registerThree(1);
        vm.expectEmit(address(splitPay));
        emit ISplitPay.WorkPaid(workId, listener, 101);
        pay(workId, 101);
        assertEq(splitPay.owed(alice.addr), 51, "half, and the dust");
        assertEq(splitPay.owed(bob.addr), 30);
        assertEq(splitPay.owed(carol.addr), 20);
        assertEq(splitPay.totalOwed(), 101);
        vm.expectEmit(address(splitPay));
        emit IPullPayments.Claimed(bob.addr, bob.addr, 30);
        assertEq(splitPay.claim(payable(bob.addr)), 30);
        assertEq(bob.addr.balance, 30);
        assertEq(splitPay.totalOwed(), 71);
    }

    function testFuzz_everyUnitArrives(uint128 amount) public {
        vm.assume(amount != 0);
        vm.deal(listener, amount);
        bytes32 workId = registerThree(1);
        pay(workId, amount);
        assertEq(splitPay.owed(alice.addr) + splitPay.owed(bob.addr) + splitPay.owed(carol.addr), amount);
        assertEq(splitPay.totalOwed(), amount);
    }

    function test_badPaymentsAreRefused() public {
        bytes32 workId = registerThree(1);
        vm.expectRevert(ISplitPay.ZeroAmount.selector);
        pay(workId, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.UnknownWork.selector, work(2)));
        pay(work(2), 1);
        vm.expectRevert(abi.encodeWithSelector(IPullPayments.NothingOwed.selector, bob.addr));
        splitPay.claim(payable(bob.addr));
    }

    function test_payeesThatRefuseMoneyHarmThemselvesOnly() public {
        RefusingPayee refusing = new RefusingPayee();
        bytes32 workId = registerFor(1, payable(address(refusing)));
        pay(workId, 100);
        vm.expectRevert(abi.encodeWithSelector(IPullPayments.PaymentRefused.selector, address(refusing), 100));
        splitPay.claim(payable(address(refusing)));
        assertEq(splitPay.owed(address(refusing)), 100);
        // It can have the money sent elsewhere.
        refusing.claimTo(splitPay, payable(bob.addr));
        assertEq(bob.addr.balance, 100);
    }

    function test_payeesThatBurnGasHarmThemselvesOnly() public {
        BurningPayee burning = new BurningPayee();
        bytes32 workId = registerFor(1, payable(address(burning)));
        pay(workId, 100);
        vm.expectRevert();
        splitPay.claim{gas: 200_000}(payable(address(burning)));
        bytes32 other = registerFor(2, payable(bob.addr));
        pay(other, 100);
        splitPay.claim(payable(bob.addr));
        assertEq(bob.addr.balance, 100);
    }

    function test_reentrantPayeeIsPaidOnce() public {
        ReentrantPayee reentrant = new ReentrantPayee();
        pay(registerFor(1, payable(address(reentrant))), 100);
        pay(registerFor(2, payable(bob.addr)), 100);
        splitPay.claim(payable(address(reentrant)));
        assertEq(reentrant.entries(), 1);
        assertEq(reentrant.lastError(), abi.encodeWithSelector(IPullPayments.NothingOwed.selector, address(reentrant)));
        assertEq(address(reentrant).balance, 100);
        assertEq(address(splitPay).balance, 100);
    }
}

contract TreasuryTest is EconomyFixture {
    ITreasury.Account internal constant INFRA = ITreasury.Account.Infrastructure;
    ITreasury.Account internal constant ECO = ITreasury.Account.EcoReserve;

    function setUp() public override {
        super.setUp();
        vm.prank(listener);
        treasury.fund{value: 10}(3, 7);
    }

    function test_accountsAreApart() public {
        assertEq(treasury.balanceOf(INFRA), 3);
        assertEq(treasury.balanceOf(ECO), 7);
        vm.prank(listener);
        treasury.fund{value: 1}(0, 1);
        assertEq(treasury.balanceOf(INFRA), 3);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.WrongAmount.selector, 1, 3));
        vm.prank(listener);
        treasury.fund{value: 1}(1, 2);
    }

    function test_onlyTheTimelockSpends() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSpender.selector, ECO, governor));
        vm.prank(governor);
        treasury.spend(ECO, payable(bob.addr), 1, "trees");
        vm.startPrank(timelock);
        vm.expectEmit(address(treasury));
        emit ITreasury.Spent(ECO, bob.addr, 5, "trees");
        treasury.spend(ECO, payable(bob.addr), 5, "trees");
        assertEq(bob.addr.balance, 5);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.InsufficientBalance.selector, ECO, 3, 2));
        treasury.spend(ECO, payable(bob.addr), 3, "trees");
        vm.expectRevert(Governed.ZeroAddress.selector);
        treasury.spend(ECO, payable(address(0)), 1, "");
        address refusing = address(new RefusingPayee());
        vm.expectRevert(abi.encodeWithSelector(ITreasury.PaymentRefused.selector, refusing, 1));
        treasury.spend(INFRA, payable(refusing), 1, "");
        vm.stopPrank();
    }

    function test_aSpenderSpendsFromItsOwnAccountUntilGovernanceEndsIt() public {
        address spender = makeAddr("spender");
        vm.expectRevert(notOwner(spender));
        vm.prank(spender);
        treasury.setSpender(INFRA, spender);
        vm.expectEmit(address(treasury));
        emit ITreasury.SpenderSet(INFRA, spender);
        asOwner();
        treasury.setSpender(INFRA, spender);
        assertEq(treasury.spenderOf(INFRA), spender);
        vm.prank(spender);
        treasury.spend(INFRA, payable(bob.addr), 2, "");
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSpender.selector, ECO, spender));
        vm.prank(spender);
        treasury.spend(ECO, payable(bob.addr), 1, "");
        asOwner();
        treasury.setSpender(INFRA, address(0));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSpender.selector, INFRA, spender));
        vm.prank(spender);
        treasury.spend(INFRA, payable(bob.addr), 1, "");
    }
}
