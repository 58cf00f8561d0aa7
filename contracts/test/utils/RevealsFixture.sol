// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {PayoutList} from "./PayoutList.sol";
import {PayoutsFixture} from "./PayoutsFixture.sol";

/// @notice An epoch with three works, two light subscriptions and a heavy one.
abstract contract RevealsFixture is PayoutsFixture {
    bytes32[] internal works;
    uint256[] internal amounts;

    function setUp() public virtual override {
        super.setUp();
        works.push(registerThree(1));
        works.push(registerFor(2, payable(bob.addr)));
        works.push(registerFor(3, payable(carol.addr)));
        subscribe(LIGHT, 1);
        subscribe(LIGHT, 2);
        subscribe(HEAVY, 3);
    }

    function openReveals() internal {
        openSubmissions(1);
        submit(1, LIGHT, 11, 101);
        submit(1, LIGHT, 12, 102);
        submit(1, HEAVY, 13, 103);
        vm.warp(clock.windowsOf(1).submissionEndsAt);
    }

    function openSettlement(uint64 epoch) internal {
        vm.warp(clock.windowsOf(epoch).settleableAt);
    }

    function graceEnd(uint64 epoch) internal view returns (uint64 endsAt) {
        (endsAt,) = payouts.graceOf(epoch);
    }

    function allUnclaimed(uint64 epoch) internal view returns (ICWEPayouts.Settlement memory settlement) {
        settlement.unclaimed = distributable(epoch);
    }

    /// @dev The works get 1/6, 2/6, and the rest, a tenth is carried, a tenth unclaimed. Publishes the list.
    function division(uint64 epoch) internal returns (ICWEPayouts.Settlement memory settlement) {
        uint256 total = distributable(epoch);
        settlement.carried = total / 10;
        settlement.unclaimed = total / 10;
        settlement.creators = total - settlement.carried - settlement.unclaimed;
        amounts = new uint256[](3);
        (amounts[0], amounts[1]) = (settlement.creators / 6, settlement.creators / 3);
        amounts[2] = settlement.creators - amounts[0] - amounts[1];
        settlement.payoutRoot = PayoutList.root(listOf(epoch, works, amounts));
        settlement.carriedRoot = "carried";
        settlement.payoutsHash = publish(epoch, works, amounts);
    }

    /// @dev Epoch 1 with everything revealed and its division proven.
    function proven() internal returns (ICWEPayouts.Settlement memory settlement) {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        settlement = division(1);
        proveSettlement(1, settlement);
    }

    function settled() internal returns (ICWEPayouts.Settlement memory settlement) {
        settlement = proven();
        payouts.settleEpoch(1);
    }

    function proofOf(uint64 epoch, uint256 number) internal view returns (bytes32[] memory) {
        bytes32 leaf = PayoutList.leaf(epoch, works[number], amounts[number]);
        return PayoutList.proof(listOf(epoch, works, amounts), leaf);
    }

    function assertConserved() internal view {
        ICWEPayouts.Books memory b = payouts.books();
        assertEq(b.fees, b.credited + b.claimable + b.eco + b.infra + b.carried + b.unclaimed);
        assertEq(address(payouts).balance, b.claimable + b.carried + b.unclaimed + payouts.totalOwed());
    }
}
