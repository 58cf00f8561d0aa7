// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {ICWETiers} from "../../src/interfaces/ICWETiers.sol";
import {RevealsFixture} from "../utils/RevealsFixture.sol";

/// @notice The states that proven batches of reveals lead to.
contract AggregatesTest is RevealsFixture {
    function assertBest(ICWEPayouts.Basis memory basis, uint64 reveals) internal view {
        (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 most) = payouts.rootsOf(1);
        assertEq(nullifierRoot, basis.nullifierRoot);
        assertEq(totalsRoot, basis.totalsRoot);
        assertEq(most, reveals);
    }

    function assertState(ICWEPayouts.Basis memory basis, uint64 reveals, uint64 light, uint64 heavy) internal view {
        (bool known, uint64 count, uint64[] memory units) = payouts.stateOf(1, basis.nullifierRoot, basis.totalsRoot);
        assertTrue(known);
        assertEq(count, reveals);
        assertEq(units.length, 2);
        assertEq(units[0], light);
        assertEq(units[1], heavy);
    }

    function expectUnknown(bytes32 nullifierRoot, bytes32 totalsRoot) internal {
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.StateUnknown.selector, nullifierRoot, totalsRoot));
    }

    /* the tree */

    function test_anEpochBeginsWithTheEmptyState() public {
        openReveals();
        assertBest(emptyBasis(), 0);
        (bool known, uint64 reveals, uint64[] memory units) = payouts.stateOf(1, EMPTY_TRIE, EMPTY_TRIE);
        assertTrue(known);
        assertEq(reveals, 0);
        assertEq(units.length, 0);
        (known,,) = payouts.stateOf(1, EMPTY_TRIE, 0);
        assertFalse(known);
        (known,,) = payouts.stateOf(1, 0, 0);
        assertFalse(known);
    }

    function test_aStateSumsUpItsBranch() public {
        openReveals();
        ICWEPayouts.Aggregate memory first = aggregateOf(1, 60, 0);
        acceptAggregate(1, first);
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.AggregateSubmitted(1, coordinator, first);
        vm.prank(coordinator);
        payouts.submitAggregate(1, first, "aggregate");
        ICWEPayouts.Aggregate memory second = aggregateOf(1, 140, 100);
        assertEq(second.totalsRootBefore, first.totalsRootAfter);
        submitAggregate(1, second);
        assertState(after_(first), 5, 60, 0);
        assertState(after_(second), 10, 200, 100);
        assertBest(after_(second), 10);
    }

    function test_twoAggregatesRacingBothStand() public {
        openReveals();
        ICWEPayouts.Aggregate memory first = aggregateOf(1, 10, 10);
        ICWEPayouts.Aggregate memory second = aggregateOf(1, 20, 20);
        submitAggregate(1, first);
        submitAggregate(1, second);
        assertState(after_(first), 5, 10, 10);
        assertState(after_(second), 5, 20, 20);
        assertBest(after_(first), 5);
    }

    /// Nobody but its coordinator can build on the longest branch, and nobody has to.
    function test_aWithheldBranchBlocksNobody() public {
        openReveals();
        ICWEPayouts.Aggregate memory withheld = aggregateOf(1, 150, 0);
        withheld.reveals = 7;
        submitAggregate(1, withheld);
        ICWEPayouts.Aggregate memory first = aggregateOn(emptyBasis(), 100, 50);
        submitAggregate(1, first);
        assertBest(after_(withheld), 7);
        ICWEPayouts.Aggregate memory second = aggregateOn(after_(first), 100, 50);
        submitAggregate(1, second);
        assertState(after_(second), 10, 200, 100);
        assertBest(after_(second), 10);
    }

    function test_theFirstOfEquallyManyRevealsIsTheBestState() public {
        openReveals();
        ICWEPayouts.Aggregate memory first = aggregateOf(1, 1, 0);
        ICWEPayouts.Aggregate memory second = aggregateOf(1, 2, 0);
        ICWEPayouts.Aggregate memory third = aggregateOf(1, 3, 0);
        third.reveals = 6;
        submitAggregate(1, first);
        submitAggregate(1, second);
        assertBest(after_(first), 5);
        submitAggregate(1, third);
        assertBest(after_(third), 6);
    }

    function test_anAggregateBuildsOnAKnownState() public {
        openReveals();
        ICWEPayouts.Aggregate memory first = aggregateOf(1, 10, 0);
        ICWEPayouts.Aggregate memory orphan = aggregateOn(after_(first), 10, 0);
        acceptAggregate(1, orphan);
        vm.startPrank(coordinator);
        expectUnknown(orphan.nullifierRootBefore, orphan.totalsRootBefore);
        payouts.submitAggregate(1, orphan, "aggregate");
        vm.stopPrank();
        submitAggregate(1, first);
        ICWEPayouts.Aggregate memory other = aggregateOf(1, 20, 0);
        submitAggregate(1, other);
        // Each root is known, but not together.
        orphan.totalsRootBefore = other.totalsRootAfter;
        expectUnknown(orphan.nullifierRootBefore, orphan.totalsRootBefore);
        payouts.submitAggregate(1, orphan, "aggregate");
        orphan.totalsRootBefore = EMPTY_TRIE;
        expectUnknown(orphan.nullifierRootBefore, EMPTY_TRIE);
        payouts.submitAggregate(1, orphan, "aggregate");
    }

    function test_aStateIsReachedOnce() public {
        openReveals();
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 10, 0);
        submitAggregate(1, aggregate);
        bytes memory refused = abi.encodeWithSelector(
            ICWEPayouts.StateKnown.selector, aggregate.nullifierRootAfter, aggregate.totalsRootAfter
        );
        vm.expectRevert(refused);
        vm.prank(coordinator);
        payouts.submitAggregate(1, aggregate, "aggregate");
        // Also on another way, and by who claims more of it.
        aggregate.reveals = 50;
        acceptAggregate(1, aggregate);
        vm.expectRevert(refused);
        vm.prank(coordinator);
        payouts.submitAggregate(1, aggregate, "aggregate");
        assertState(after_(aggregate), 5, 10, 0);
    }

    function test_nothingLeadsBackToTheEmptyState() public {
        openReveals();
        ICWEPayouts.Aggregate memory nothing = aggregateOf(1, 0, 0);
        (nothing.nullifierRootAfter, nothing.totalsRootAfter) = (EMPTY_TRIE, EMPTY_TRIE);
        nothing.reveals = 0;
        acceptAggregate(1, nothing);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.StateKnown.selector, EMPTY_TRIE, EMPTY_TRIE));
        vm.prank(coordinator);
        payouts.submitAggregate(1, nothing, "aggregate");
    }

    /* proofs */

    function test_aggregateIsProvenForThisStateAndCoordinator() public {
        openReveals();
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 10, 10);
        bytes32 value = keccak256(
            abi.encode(
                block.chainid,
                uint64(1),
                beacon.keyOf(1),
                consumption.noteRoot(1),
                registry.registryCommitment(1),
                tiers.tierIds(),
                aggregate,
                coordinator
            )
        );
        assertEq(payouts.aggregateValue(1, aggregate, coordinator), value);
        verifier.accept(value, "aggregate");
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        vm.prank(bob.addr);
        payouts.submitAggregate(1, aggregate, "aggregate");
        aggregate.units[0] = 11;
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        vm.prank(coordinator);
        payouts.submitAggregate(1, aggregate, "aggregate");
    }

    /* units */

    function test_noMoreUnitsOnABranchThanSubmissionsHold() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 0));
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 51, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.TooManyUnits.selector, LIGHT, 201, 200));
        payouts.submitAggregate(1, aggregate, "aggregate");
        aggregate.units = new uint64[](3);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.UnitsLengthInvalid.selector, 3, 2));
        payouts.submitAggregate(1, aggregate, "aggregate");
        // Branches do not count together: at most one of them is settled on.
        submitAggregate(1, aggregateOn(emptyBasis(), 51, 0));
    }

    function test_unitsBeyondAllMeasureAreRefused() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 1, 0));
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, type(uint64).max, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.TooManyUnits.selector, LIGHT, uint256(1) << 64, 200));
        payouts.submitAggregate(1, aggregate, "aggregate");
    }

    /// A branch that began before a tier came has no units of it, and can go on.
    function test_aBranchOutlivesANewTier() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 60, 0));
        asOwner();
        tiers.setTerms(bytes32("later") >> 216, ICWETiers.Terms(1 ether, 60 minutes, 1));
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 60, 10);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.UnitsLengthInvalid.selector, 2, 3));
        payouts.submitAggregate(1, aggregate, "aggregate");
        aggregate.units = new uint64[](3);
        (aggregate.units[0], aggregate.units[1]) = (60, 10);
        submitAggregate(1, aggregate);
        (, uint64 reveals, uint64[] memory units) =
            payouts.stateOf(1, aggregate.nullifierRootAfter, aggregate.totalsRootAfter);
        assertEq(reveals, 10);
        assertEq(units.length, 3);
        assertEq(units[0], 120);
        assertEq(units[1], 10);
        assertEq(units[2], 0);
    }

    /* windows */

    /// Late reveals count as long as their aggregate is in time.
    function test_aggregatesHaveTheirWindow() public {
        openSubmissions(1);
        submit(1, LIGHT, 11, 101);
        uint64 opens = clock.windowsOf(1).submissionEndsAt;
        uint64 closes = clock.windowsOf(1).settleableAt;
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 1, 0);
        bytes memory refused = abi.encodeWithSelector(ICWEPayouts.OutsideWindow.selector, 1, opens, closes);
        vm.warp(opens - 1);
        vm.expectRevert(refused);
        payouts.submitAggregate(1, aggregate, "aggregate");
        vm.warp(closes);
        vm.expectRevert(refused);
        payouts.submitAggregate(1, aggregate, "aggregate");
        vm.warp(closes - 1);
        submitAggregate(1, aggregate);
    }

    function test_statesBelongToTheirEpoch() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 10, 0));
        ICWEPayouts.Basis memory basis = bestBasis(1);
        (bool known,,) = payouts.stateOf(2, basis.nullifierRoot, basis.totalsRoot);
        assertFalse(known);
        vm.warp(clock.windowsOf(2).submissionEndsAt);
        ICWEPayouts.Aggregate memory aggregate = aggregateOn(basis, 0, 0);
        expectUnknown(basis.nullifierRoot, basis.totalsRoot);
        payouts.submitAggregate(2, aggregate, "aggregate");
    }

    function test_withoutAVerifierNothingIsProven() public {
        openReveals();
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 1, 0);
        asOwner();
        payouts.setVerifiers(address(0), address(verifier));
        vm.expectRevert(ICWEPayouts.VerifierNotSet.selector);
        payouts.submitAggregate(1, aggregate, "");
    }
}
