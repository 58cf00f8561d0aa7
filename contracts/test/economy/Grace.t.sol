// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {RevealsFixture} from "../utils/RevealsFixture.sol";

/// @notice Which of several settlements counts, and when: what somebody withholds costs the others a grace at most.
contract GraceTest is RevealsFixture {
    /// @dev Two states of epoch 1: the best one with seven reveals, and one with five.
    ICWEPayouts.Basis internal best;
    ICWEPayouts.Basis internal other;

    /// @dev The aggregates in time, and the moment from which a settlement can be proven.
    function openContest() internal {
        openReveals();
        ICWEPayouts.Aggregate memory more = aggregateOf(1, 150, 0);
        more.reveals = 7;
        submitAggregate(1, more);
        ICWEPayouts.Aggregate memory fewer = aggregateOn(emptyBasis(), 100, 50);
        submitAggregate(1, fewer);
        (best, other) = (after_(more), after_(fewer));
        openSettlement(1);
    }

    /// @dev An epoch 1 that carried money, whose next one is to be settled now.
    function openCarried() internal returns (ICWEPayouts.Settlement memory first) {
        first = settled();
        openSettlement(2);
    }

    function assertBasis(uint64 epoch, ICWEPayouts.Basis memory basis, uint64 reveals) internal view {
        (ICWEPayouts.Basis memory given, uint64 count) = payouts.basisOf(epoch);
        assertEq(abi.encode(given), abi.encode(basis));
        assertEq(count, reveals);
    }

    function refuseToSettle(uint64 epoch, bytes memory reason) internal {
        vm.expectRevert(reason);
        payouts.settleEpoch(epoch);
    }

    function refuseToProve(
        uint64 epoch,
        ICWEPayouts.Basis memory basis,
        ICWEPayouts.Settlement memory settlement,
        bytes memory reason
    ) internal {
        acceptSettlement(epoch, basis, settlement);
        vm.expectRevert(reason);
        vm.prank(coordinator);
        payouts.proveSettlement(epoch, basis, settlement, "settlement");
    }

    function contestable(uint64 epoch) internal view returns (bytes memory) {
        return abi.encodeWithSelector(ICWEPayouts.SettlementContestable.selector, epoch, graceEnd(epoch));
    }

    function notBetter(uint64 reveals, uint64 provenReveals) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ICWEPayouts.SettlementNotBetter.selector, reveals, provenReveals);
    }

    /* the grace */

    function test_theGraceIsAsLongAsTheAggregationWindow() public {
        (uint64 endsAt, uint64 unprovenAt) = payouts.graceOf(1);
        assertEq(endsAt, clock.windowsOf(1).settleableAt + AGGREGATION);
        assertEq(unprovenAt, clock.windowsOf(1).settleableAt + 2 * AGGREGATION);
        openContest();
        assertEq(graceEnd(1), endsAt, "not of the time at which it is asked for");
    }

    /// Else the epochs behind one that was late could be settled by whoever comes first.
    function test_theGraceBeginsWhenTheEpochBeforeIsSettled() public {
        vm.warp(clock.windowsOf(3).settleableAt + 5 days);
        payouts.settleEpoch(1);
        assertEq(graceEnd(2), block.timestamp + AGGREGATION);
        skip(1 hours);
        payouts.settleEpoch(2);
        assertEq(graceEnd(3), block.timestamp + AGGREGATION);
        assertEq(graceEnd(4), clock.windowsOf(4).settleableAt + AGGREGATION);
    }

    function test_theGraceBeginsWhenVerifiersAreSet() public {
        openContest();
        skip(10 days);
        asOwner();
        payouts.setVerifiers(address(verifier), address(verifier));
        assertEq(graceEnd(1), block.timestamp + AGGREGATION);
        refuseToSettle(1, abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
    }

    /* which state */

    function test_theBestStateSettlesAtOnce() public {
        openContest();
        proveSettlementOn(1, best, division(1));
        assertBasis(1, best, 7);
        payouts.settleEpoch(1);
        assertConserved();
    }

    function test_anotherStateSettlesAfterTheGrace() public {
        openContest();
        proveSettlementOn(1, other, division(1));
        refuseToSettle(1, contestable(1));
        vm.warp(graceEnd(1) - 1);
        refuseToSettle(1, contestable(1));
        vm.warp(graceEnd(1));
        payouts.settleEpoch(1);
        assertConserved();
        payouts.withdraw(works[1], 1, amounts[1], proofOf(1, 1));
    }

    function test_moreRevealsReplaceFewer() public {
        openContest();
        proveSettlementOn(1, emptyBasis(), allUnclaimed(1));
        proveSettlementOn(1, other, allUnclaimed(1));
        assertBasis(1, other, 5);
        ICWEPayouts.Settlement memory settlement = division(1);
        proveSettlementOn(1, best, settlement);
        assertBasis(1, best, 7);
        payouts.settleEpoch(1);
        (ICWEPayouts.Settlement memory stored,,) = payouts.settlementOf(1);
        assertEq(abi.encode(stored), abi.encode(settlement));
    }

    function test_fewerOrEquallyManyRevealsReplaceNothing() public {
        openContest();
        proveSettlementOn(1, best, division(1));
        refuseToProve(1, other, allUnclaimed(1), notBetter(5, 7));
        refuseToProve(1, emptyBasis(), allUnclaimed(1), notBetter(0, 7));
        refuseToProve(1, best, allUnclaimed(1), notBetter(7, 7));
        vm.warp(graceEnd(1));
        refuseToProve(1, best, allUnclaimed(1), notBetter(7, 7));
        refuseToProve(1, abandoning(best), allUnclaimed(1), notBetter(7, 7));
    }

    /// No proof could replace it, so there is nothing to wait for.
    function test_aStateWithAsManyRevealsAsTheBestSettlesAtOnce() public {
        openReveals();
        submitAggregate(1, aggregateOn(emptyBasis(), 150, 0));
        ICWEPayouts.Aggregate memory second = aggregateOn(emptyBasis(), 100, 0);
        submitAggregate(1, second);
        openSettlement(1);
        proveSettlementOn(1, after_(second), division(1));
        refuseToProve(1, bestBasis(1), allUnclaimed(1), notBetter(5, 5));
        payouts.settleEpoch(1);
    }

    function test_aBetterProofMayComeAfterTheGraceUntilItIsSettled() public {
        openContest();
        proveSettlementOn(1, other, allUnclaimed(1));
        vm.warp(graceEnd(1) + 1 days);
        proveSettlementOn(1, best, division(1));
        payouts.settleEpoch(1);
        assertEq(payouts.claimableOf(1), amounts[0] + amounts[1] + amounts[2]);
    }

    function test_aSettlementIsOnAKnownState() public {
        openContest();
        ICWEPayouts.Basis[4] memory unknown = [
            ICWEPayouts.Basis(best.nullifierRoot, other.totalsRoot, false),
            ICWEPayouts.Basis(EMPTY_TRIE, best.totalsRoot, false),
            ICWEPayouts.Basis(best.nullifierRoot, EMPTY_TRIE, false),
            ICWEPayouts.Basis(0, 0, false)
        ];
        for (uint256 i = 0; i < unknown.length; ++i) {
            refuseToProve(
                1,
                unknown[i],
                allUnclaimed(1),
                abi.encodeWithSelector(
                    ICWEPayouts.StateUnknown.selector, unknown[i].nullifierRoot, unknown[i].totalsRoot
                )
            );
        }
    }

    /* carried money whose trie is withheld */

    function test_carriedMoneyIsAbandonedAfterTheGraceOnly() public {
        ICWEPayouts.Settlement memory first = openCarried();
        ICWEPayouts.Basis memory basis = abandoning(emptyBasis());
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(2, basis);
        assertEq(inputs.carriedIn, 0);
        assertEq(inputs.carriedRootIn, EMPTY_TRIE);
        assertEq(inputs.unclaimedIn, first.carried + first.unclaimed);
        ICWEPayouts.Settlement memory settlement = allUnclaimed(2);
        bytes memory tooEarly = abi.encodeWithSelector(ICWEPayouts.CarriedNotAbandonable.selector, graceEnd(2));
        refuseToProve(2, basis, settlement, tooEarly);
        vm.warp(graceEnd(2) - 1);
        refuseToProve(2, basis, settlement, tooEarly);
        vm.warp(graceEnd(2));
        proveSettlementOn(2, basis, settlement);
        payouts.settleEpoch(2);
        assertEq(payouts.books().carried, 0);
        assertEq(payouts.books().unclaimed, first.carried + first.unclaimed);
        assertConserved();
    }

    function test_whoAbandonsNothingIsBetterOfTwo() public {
        openCarried();
        vm.warp(graceEnd(2));
        proveSettlementOn(2, abandoning(emptyBasis()), allUnclaimed(2));
        refuseToProve(2, abandoning(emptyBasis()), allUnclaimed(2), notBetter(0, 0));
        proveSettlementOn(2, emptyBasis(), division(2));
        assertBasis(2, emptyBasis(), 0);
        refuseToProve(2, abandoning(emptyBasis()), allUnclaimed(2), notBetter(0, 0));
        payouts.settleEpoch(2);
        assertConserved();
    }

    /// Else whoever withholds what was carried could stop an epoch with a settlement on no reveals at all.
    function test_moreRevealsAreBetterEvenIfTheyAbandon() public {
        settled();
        subscribe(LIGHT, 4);
        openSubmissions(2);
        submit(2, LIGHT, 21, 201);
        vm.warp(clock.windowsOf(2).submissionEndsAt);
        submitAggregate(2, aggregateOf(2, 50, 0));
        openSettlement(2);
        proveSettlementOn(2, emptyBasis(), allUnclaimed(2));
        vm.warp(graceEnd(2));
        ICWEPayouts.Basis memory basis = abandoning(bestBasis(2));
        proveSettlementOn(2, basis, division(2));
        assertBasis(2, basis, 5);
        refuseToProve(2, emptyBasis(), allUnclaimed(2), notBetter(0, 5));
        payouts.settleEpoch(2);
        assertConserved();
    }

    /* no proof at all */

    function test_withoutAProofEverythingIsUnclaimedAfterTwiceTheGrace() public {
        openContest();
        uint256 rest = distributable(1);
        (, uint64 unprovenAt) = payouts.graceOf(1);
        vm.warp(unprovenAt - 1);
        refuseToSettle(1, abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
        vm.warp(unprovenAt);
        payouts.settleEpoch(1);
        assertEq(payouts.books().unclaimed, rest);
        assertEq(payouts.books().claimable, 0);
        (, bool isProven, bool isSettled) = payouts.settlementOf(1);
        assertFalse(isProven);
        assertTrue(isSettled);
        assertConserved();
        // It is not lost: the next creators' pool.
        assertEq(payouts.settlementInputs(2, emptyBasis()).unclaimedIn, rest);
    }

    function test_carriedMoneyWithoutAProofIsUnclaimedTooAfterTwiceTheGrace() public {
        ICWEPayouts.Settlement memory first = openCarried();
        (, uint64 unprovenAt) = payouts.graceOf(2);
        vm.warp(unprovenAt - 1);
        refuseToSettle(2, abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 2));
        vm.warp(unprovenAt);
        payouts.settleEpoch(2);
        assertEq(payouts.books().unclaimed, first.carried + first.unclaimed);
        assertEq(payouts.books().carried, 0);
        assertEq(payouts.settlementInputs(3, emptyBasis()).carriedRootIn, EMPTY_TRIE);
        assertConserved();
    }

    function test_aProofCountsAlsoAfterTwiceTheGrace() public {
        openContest();
        (, uint64 unprovenAt) = payouts.graceOf(1);
        vm.warp(unprovenAt + 30 days);
        proveSettlementOn(1, other, division(1));
        payouts.settleEpoch(1);
        assertEq(payouts.claimableOf(1), amounts[0] + amounts[1] + amounts[2]);
    }

    /// Nobody can prove anything then: creators wait instead of losing an epoch.
    function test_withoutAVerifierAnEpochWithRevealsWaits() public {
        openContest();
        asOwner();
        payouts.setVerifiers(address(0), address(0));
        skip(365 days);
        refuseToSettle(1, abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
        asOwner();
        payouts.setVerifiers(address(verifier), address(verifier));
        skip(2 * AGGREGATION - 1);
        refuseToSettle(1, abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
        skip(1);
        payouts.settleEpoch(1);
    }
}
