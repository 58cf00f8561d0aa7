// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {PayoutList} from "../utils/PayoutList.sol";
import {RevealsFixture} from "../utils/RevealsFixture.sol";

/// @notice Claims of settled payouts.
contract PayoutsTest is RevealsFixture {
    function test_payoutIsCreditedToThePayees() public {
        settled();
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.Withdrawn(works[0], 1, amounts[0]);
        payouts.withdraw(works[0], 1, amounts[0], proofOf(1, 0));
        assertEq(
            payouts.owed(alice.addr) + payouts.owed(bob.addr) + payouts.owed(carol.addr), amounts[0], "to the last unit"
        );
        assertEq(payouts.owed(bob.addr), amounts[0] * 3 / 10);
        assertTrue(payouts.isWithdrawn(1, works[0]));
        payouts.withdraw(works[1], 1, amounts[1], proofOf(1, 1));
        payouts.withdraw(works[2], 1, amounts[2], proofOf(1, 2));
        assertEq(payouts.claimableOf(1), 0);
        payouts.claim(payable(bob.addr));
        assertConserved();
    }

    function test_splitsAreThoseOfTheEpoch() public {
        Payee[] memory payees = new Payee[](1);
        payees[0] = Payee(payable(alice.addr), 1_000_000);
        announce(aliceId, content(9));
        vm.prank(alice.addr);
        registry.addVersion(works[0], content(9), payees, new ICWERegistry.Consent[](1));
        settled();
        payouts.withdraw(works[0], 1, amounts[0], proofOf(1, 0));
        assertGt(payouts.owed(bob.addr), 0);
    }

    function test_aPayoutIsClaimedOnceWithItsAmountAndEpoch() public {
        settled();
        bytes32[] memory proof = proofOf(1, 0);
        refusePayout(works[0], 1, amounts[0] + 1, proof);
        refusePayout(works[1], 1, amounts[0], proof);
        refusePayout(works[0], 2, amounts[0], proof);
        refusePayout(works[0], 0, amounts[0], proof);
        refusePayout(works[0], 1, amounts[0], new bytes32[](0));
        payouts.withdraw(works[0], 1, amounts[0], proof);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.AlreadyWithdrawn.selector, 1, works[0]));
        payouts.withdraw(works[0], 1, amounts[0], proof);
    }

    function test_aPayoutOfOneEpochIsNoneOfAnother() public {
        settled();
        bytes32[] memory proof = proofOf(1, 0);
        uint256 amount = amounts[0];
        openSettlement(2);
        proveSettlement(2, division(2));
        payouts.settleEpoch(2);
        refusePayout(works[0], 2, amount, proof);
        refusePayout(works[0], 1, amounts[0], proofOf(2, 0));
        payouts.withdraw(works[0], 2, amounts[0], proofOf(2, 0));
        payouts.withdraw(works[0], 1, amount, proof);
        assertConserved();
    }

    function refusePayout(bytes32 workId, uint64 epoch, uint256 amount, bytes32[] memory proof) internal {
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.PayoutInvalid.selector, epoch, workId, amount));
        payouts.withdraw(workId, epoch, amount, proof);
    }

    function test_nothingIsPaidBeforeTheSettlement() public {
        proven();
        refusePayout(works[0], 1, amounts[0], proofOf(1, 0));
    }

    /// Even a payout list that promises more than the epoch has cannot touch the money of others.
    function test_aListThatPromisesTooMuchPaysNoMoreThanItsEpoch() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        vm.warp(clock.windowsOf(1).settleableAt);
        ICWEPayouts.Settlement memory settlement;
        settlement.creators = distributable(1);
        for (uint256 i = 0; i < 3; ++i) {
            amounts.push(settlement.creators / 2 + 1);
        }
        settlement.payoutRoot = PayoutList.root(listOf(1, works, amounts));
        proveSettlement(1, settlement);
        payouts.settleEpoch(1);
        payouts.withdraw(works[0], 1, amounts[0], proofOf(1, 0));
        refusePayout(works[1], 1, amounts[1], proofOf(1, 1));
        assertConserved();
    }

    function test_blacklistedWorksWait() public {
        settled();
        asOwner();
        registry.setStatus(works[0], ICWERegistry.Status.Blacklisted, "why");
        bytes32[] memory proof = proofOf(1, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.WorkBlacklisted.selector, works[0]));
        payouts.withdraw(works[0], 1, amounts[0], proof);
        asOwner();
        registry.setStatus(works[0], ICWERegistry.Status.Active, "why not");
        payouts.withdraw(works[0], 1, amounts[0], proof);
    }

    function test_payeesThatRefuseMoneyDoNotBlockOthers() public {
        RefusingPayee refusing = new RefusingPayee();
        works[2] = registerFor(4, payable(address(refusing)));
        settled();
        payouts.withdraw(works[2], 1, amounts[2], proofOf(1, 2));
        payouts.withdraw(works[1], 1, amounts[1], proofOf(1, 1));
        payouts.claim(payable(bob.addr));
        assertEq(bob.addr.balance, amounts[1]);
        assertEq(payouts.owed(address(refusing)), amounts[2]);
        assertConserved();
    }
}
