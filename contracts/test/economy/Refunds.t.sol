// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ISubmissionRefunds} from "../../src/interfaces/ISubmissionRefunds.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {SubmissionRefunds} from "../../src/usage/SubmissionRefunds.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {PayoutsFixture} from "../utils/PayoutsFixture.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

/// @notice What relayers get back, from whose money, and that nobody gets more.
contract RefundsTest is PayoutsFixture {
    address internal other = makeAddr("another relayer");

    function setUp() public override {
        super.setUp();
        subscribe(LIGHT, 1);
        subscribe(LIGHT, 2);
        subscribe(HEAVY, 3);
        openSubmissions(1);
    }

    function settle() internal {
        vm.warp(clock.windowsOf(1).settleableAt);
        payouts.settleEpoch(1);
    }

    /// @dev Two by the relayer, one by the other, at this base fee.
    function submitThreeAndSettle(uint256 baseFee) internal {
        vm.fee(baseFee);
        submit(1, LIGHT, 11, 101);
        submit(1, LIGHT, 12, 102);
        submitBy(other, 1, HEAVY, 13, 103);
        settle();
    }

    function costOf(address sender) internal view returns (uint256 cost) {
        (cost,) = consumption.costsOf(1, sender);
    }

    function test_aSubmissionCostsItsGasAtTheBaseFee() public {
        vm.fee(3 gwei);
        acceptSplit(1, LIGHT, 11, 101);
        vm.prank(relayer);
        uint256 before = gasleft();
        consumption.submitConsumption(bytes32(uint256(11)), LIGHT, roots(101), "split");
        uint256 used = before - gasleft();
        uint256 cost = costOf(relayer);
        // What the transaction and its arguments cost, forge does not charge here; the first record of an epoch is dear.
        assertApproxEqAbs(cost, (used + 21_000) * 3 gwei, 30_000 * 3 gwei);
        assertLt(cost, (used + 21_000 + 16 * 400) * 3 gwei, "no profit");
        vm.fee(0);
        submit(1, LIGHT, 12, 102);
        assertEq(costOf(relayer), cost, "nothing was paid");
    }

    function test_sendersAreRefundedFromTheInfrastructureShare() public {
        submitThreeAndSettle(1 gwei);
        uint256 funded = treasury.balanceOf(ITreasury.Account.Infrastructure);
        uint256 eco = treasury.balanceOf(ITreasury.Account.EcoReserve);
        assertEq(refunds.available(1), funded / 2);
        uint256 cost = costOf(relayer);
        vm.expectEmit(address(refunds));
        emit ISubmissionRefunds.Refunded(1, relayer, cost);
        vm.expectEmit(address(treasury));
        emit ITreasury.Spent(ITreasury.Account.Infrastructure, relayer, cost, bytes32(uint256(1)));
        assertEq(refunds.claim(1, payable(relayer)), cost);
        assertEq(refunds.claim(1, payable(other)), costOf(other));
        assertEq(relayer.balance, cost);
        assertEq(other.balance, costOf(other));
        assertEq(treasury.balanceOf(ITreasury.Account.Infrastructure), funded - cost - costOf(other));
        assertEq(treasury.balanceOf(ITreasury.Account.EcoReserve), eco);
        assertTrue(refunds.isRefunded(1, relayer));
    }

    function test_refundsBeyondHalfOfTheShareShrinkInProportion() public {
        submitThreeAndSettle(100_000 gwei);
        (uint256 cost, uint256 total) = consumption.costsOf(1, relayer);
        uint256 most = refunds.available(1);
        assertGt(total, most);
        assertEq(refunds.claim(1, payable(relayer)), cost * most / total);
        refunds.claim(1, payable(other));
        uint256 paid = relayer.balance + other.balance;
        assertLe(paid, most);
        assertGe(paid + 1, most);
    }

    function test_refundsArePaidOnceAndOnlyWhenTheyAreDue() public {
        vm.fee(1 gwei);
        submit(1, LIGHT, 11, 101);
        vm.expectRevert(abi.encodeWithSelector(ISubmissionRefunds.EpochNotSettled.selector, 1));
        refunds.claim(1, payable(relayer));
        vm.expectRevert(abi.encodeWithSelector(ISubmissionRefunds.EpochNotSettled.selector, 0));
        refunds.claim(0, payable(relayer));
        settle();
        vm.expectRevert(abi.encodeWithSelector(ISubmissionRefunds.NothingToRefund.selector, 1, other));
        refunds.claim(1, payable(other));
        refunds.claim(1, payable(relayer));
        vm.expectRevert(abi.encodeWithSelector(ISubmissionRefunds.AlreadyRefunded.selector, 1, relayer));
        refunds.claim(1, payable(relayer));
    }

    function test_aRefundThatCanNotBePaidStaysDue() public {
        vm.fee(1 gwei);
        address payable refusing = payable(address(new RefusingPayee()));
        submitBy(refusing, 1, LIGHT, 11, 101);
        submit(1, LIGHT, 12, 102);
        settle();
        uint256 amount = refunds.refundOf(1, refusing);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.PaymentRefused.selector, refusing, amount));
        refunds.claim(1, refusing);
        assertFalse(refunds.isRefunded(1, refusing));

        uint256 all = treasury.balanceOf(ITreasury.Account.Infrastructure);
        asOwner();
        treasury.spend(ITreasury.Account.Infrastructure, payable(bob.addr), all, "bandwidth");
        vm.expectPartialRevert(ITreasury.InsufficientBalance.selector);
        refunds.claim(1, payable(relayer));
        vm.prank(listener);
        treasury.fund{value: 1 ether}(1 ether, 0);
        refunds.claim(1, payable(relayer));
    }

    function test_sourcesAreComplete() public {
        SubmissionRefunds.Sources memory none;
        SubmissionRefunds code = new SubmissionRefunds();
        vm.expectRevert();
        code.initialize(timelock, none);
        vm.expectRevert(Governed.ZeroAddress.selector);
        this.deployWith(none);
    }

    function deployWith(SubmissionRefunds.Sources calldata sources) external {
        new ERC1967Proxy(
            address(new SubmissionRefunds()), abi.encodeCall(SubmissionRefunds.initialize, (timelock, sources))
        );
    }
}
