// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {PayoutList} from "../utils/PayoutList.sol";
import {PayoutsFixture} from "../utils/PayoutsFixture.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

contract PayoutsTest is PayoutsFixture {
    bytes32 internal constant EMPTY_TRIE = keccak256(hex"80");
    bytes32[] internal works;
    uint256[] internal amounts;

    function setUp() public override {
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

    /// @dev Everything revealed; the works get 1/6, 2/6, and the rest, a tenth is carried, a tenth unclaimed.
    function proven() internal returns (ICWEPayouts.Settlement memory settlement) {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        vm.warp(clock.windowsOf(1).settleableAt);
        uint256 total = distributable(1);
        settlement.carried = total / 10;
        settlement.unclaimed = total / 10;
        settlement.creators = total - settlement.carried - settlement.unclaimed;
        amounts.push(settlement.creators / 6);
        amounts.push(settlement.creators / 3);
        amounts.push(settlement.creators - amounts[0] - amounts[1]);
        settlement.payoutRoot = PayoutList.root(listOf(1, works, amounts));
        settlement.carriedRoot = "carried";
        proveSettlement(1, settlement);
    }

    function settled() internal returns (ICWEPayouts.Settlement memory settlement) {
        settlement = proven();
        payouts.settleEpoch(1);
    }

    function proofOf(uint256 number) internal view returns (bytes32[] memory) {
        bytes32 leaf = PayoutList.leaf(1, works[number], amounts[number]);
        return PayoutList.proof(listOf(1, works, amounts), leaf);
    }

    function assertConserved() internal view {
        ICWEPayouts.Books memory b = payouts.books();
        assertEq(b.fees, b.credited + b.claimable + b.eco + b.infra + b.carried + b.unclaimed);
        assertEq(address(payouts).balance, b.claimable + b.carried + b.unclaimed + payouts.totalOwed());
    }

    /* aggregates */

    function test_aggregatesMoveTheRoots() public {
        openReveals();
        (bytes32 nullifiers, bytes32 totals,) = payouts.rootsOf(1);
        assertEq(nullifiers, EMPTY_TRIE);
        assertEq(totals, EMPTY_TRIE);
        ICWEPayouts.Aggregate memory first = aggregateOf(1, 60, 0);
        verifier.accept(payouts.aggregateValue(1, first, coordinator), "aggregate");
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.AggregateSubmitted(1, coordinator, first);
        vm.prank(coordinator);
        payouts.submitAggregate(1, first, "aggregate");
        submitAggregate(1, aggregateOf(1, 140, 100));
        uint64 reveals;
        (nullifiers, totals, reveals) = payouts.rootsOf(1);
        assertEq(totals, keccak256(abi.encode(first.totalsRootAfter, 140, 100)));
        assertEq(reveals, 10);
        assertEq(payouts.unitsOf(1, LIGHT), 200);
        assertEq(payouts.unitsOf(1, HEAVY), 100);
    }

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

    function test_twoAggregatesRacingOneIsStale() public {
        openReveals();
        ICWEPayouts.Aggregate memory loser = aggregateOf(1, 10, 10);
        ICWEPayouts.Aggregate memory winner = aggregateOf(1, 20, 20);
        submitAggregate(1, winner);
        verifier.accept(payouts.aggregateValue(1, loser, coordinator), "aggregate");
        bytes memory refused =
            abi.encodeWithSelector(ICWEPayouts.StaleRoots.selector, winner.nullifierRootAfter, winner.totalsRootAfter);
        vm.startPrank(coordinator);
        vm.expectRevert(refused);
        payouts.submitAggregate(1, loser, "aggregate");
        loser.nullifierRootBefore = winner.nullifierRootAfter;
        vm.expectRevert(refused);
        payouts.submitAggregate(1, loser, "aggregate");
        vm.stopPrank();
    }

    function test_noMoreUnitsThanSubmissionsHold() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 0));
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 51, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.TooManyUnits.selector, LIGHT, 201, 200));
        payouts.submitAggregate(1, aggregate, "aggregate");
        aggregate.units = new uint64[](3);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.UnitsLengthInvalid.selector, 3, 2));
        payouts.submitAggregate(1, aggregate, "aggregate");
    }

    function test_aggregatesHaveTheirWindow() public {
        openSubmissions(1);
        uint64 opens = clock.windowsOf(1).submissionEndsAt;
        uint64 closes = clock.windowsOf(1).settleableAt;
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 0, 0);
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

    function test_withoutVerifiersNothingIsProven() public {
        openReveals();
        ICWEPayouts.Aggregate memory aggregate = aggregateOf(1, 1, 0);
        asOwner();
        payouts.setVerifiers(address(0), address(0));
        vm.expectRevert(ICWEPayouts.VerifierNotSet.selector);
        payouts.submitAggregate(1, aggregate, "");
        vm.warp(clock.windowsOf(1).settleableAt);
        ICWEPayouts.Settlement memory settlement;
        vm.expectRevert(ICWEPayouts.VerifierNotSet.selector);
        payouts.proveSettlement(1, settlement, "");
    }

    function test_onlyGovernanceSetsVerifiers() public {
        vm.expectRevert(notOwner(address(this)));
        payouts.setVerifiers(address(1), address(2));
        asOwner();
        payouts.setVerifiers(address(1), address(2));
        (address aggregation, address settlement) = payouts.verifiers();
        assertEq(aggregation, address(1));
        assertEq(settlement, address(2));
    }

    /* settlement */

    function test_settlementDividesTheInflow() public {
        ICWEPayouts.Settlement memory settlement = proven();
        uint256 fees = 2 * uint256(LIGHT_FEE) + HEAVY_FEE;
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.EpochSettled(1, fees, fees / 20, fees / 10, settlement);
        payouts.settleEpoch(1);
        assertEq(treasury.balanceOf(ITreasury.Account.EcoReserve), fees / 20);
        assertEq(treasury.balanceOf(ITreasury.Account.Infrastructure), fees / 10);
        ICWEPayouts.Books memory b = payouts.books();
        assertEq(b.fees, fees);
        assertEq(b.claimable, settlement.creators);
        assertEq(payouts.claimableOf(1), settlement.creators);
        assertEq(b.carried, settlement.carried);
        assertEq(b.unclaimed, settlement.unclaimed);
        assertEq(address(tiers).balance, 0);
        assertConserved();
        (ICWEPayouts.Settlement memory stored, bool isProven, bool isSettled) = payouts.settlementOf(1);
        assertEq(abi.encode(stored), abi.encode(settlement));
        assertTrue(isProven);
        assertTrue(isSettled);
        assertEq(payouts.nextEpoch(), 2);
    }

    function test_carriedAndUnclaimedFlowIntoTheNextEpoch() public {
        ICWEPayouts.Settlement memory first = settled();
        vm.warp(clock.windowsOf(2).settleableAt);
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(2);
        assertEq(inputs.carriedIn, first.carried);
        assertEq(inputs.carriedRootIn, "carried");
        assertEq(inputs.unclaimedIn, first.unclaimed);
        // Carried money is not unclaimed money: somebody has a right to it, so a proof is needed.
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 2));
        payouts.settleEpoch(2);
        ICWEPayouts.Settlement memory second;
        second.unclaimed = distributable(2);
        assertEq(second.unclaimed, first.carried + first.unclaimed, "no share is taken twice");
        proveSettlement(2, second);
        payouts.settleEpoch(2);
        assertConserved();
        assertEq(payouts.books().carried, 0);
    }

    function test_epochWithoutRevealsNeedsNoProof() public {
        vm.warp(clock.windowsOf(1).settleableAt);
        uint256 rest = distributable(1);
        vm.prank(makeAddr("anybody"));
        payouts.settleEpoch(1);
        assertEq(payouts.books().unclaimed, rest);
        assertEq(payouts.books().claimable, 0);
        assertEq(payouts.settlementInputs(2).carriedRootIn, EMPTY_TRIE);
        assertConserved();
    }

    function test_moneyMustBeConserved() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        vm.warp(clock.windowsOf(1).settleableAt);
        ICWEPayouts.Settlement memory settlement;
        uint256 inflow = 2 * uint256(LIGHT_FEE) + HEAVY_FEE;
        settlement.creators = distributable(1) + 1;
        verifier.accept(payouts.settlementValue(1, settlement), "settlement");
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotConserved.selector, inflow, inflow + 1));
        payouts.proveSettlement(1, settlement, "settlement");
        settlement.creators -= 2;
        verifier.accept(payouts.settlementValue(1, settlement), "settlement");
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotConserved.selector, inflow, inflow - 1));
        payouts.proveSettlement(1, settlement, "settlement");
        settlement.creators += 1;
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        payouts.proveSettlement(1, settlement, "settlement");
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
        payouts.settleEpoch(1);
    }

    function test_settlementWaitsForTheWindow() public {
        openReveals();
        uint64 opens = clock.windowsOf(1).settleableAt;
        ICWEPayouts.Settlement memory settlement;
        vm.warp(opens - 1);
        bytes memory refused = abi.encodeWithSelector(ICWEPayouts.OutsideWindow.selector, 1, opens, 0);
        vm.expectRevert(refused);
        payouts.settleEpoch(1);
        vm.expectRevert(refused);
        payouts.proveSettlement(1, settlement, "");
    }

    function test_epochsAreSettledInOrderAndOnce() public {
        settled();
        vm.warp(clock.windowsOf(5).settleableAt);
        uint256[3] memory wrong = [uint256(0), 1, 3];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotNextEpoch.selector, wrong[i], 2));
            payouts.settleEpoch(wrong[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, uint256(1) << 64));
        payouts.settleEpoch(uint256(1) << 64);
    }

    function test_booksThatDoNotAddUpStopEverything() public {
        settled();
        vm.warp(clock.windowsOf(2).settleableAt);
        ICWEPayouts.Settlement memory settlement;
        settlement.unclaimed = distributable(2);
        proveSettlement(2, settlement);
        uint256 required = address(payouts).balance;
        vm.deal(address(payouts), required - 1);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.Insolvent.selector, required - 1, required));
        payouts.settleEpoch(2);
    }

    function test_collectionMustBeTheRevenue() public {
        vm.warp(clock.windowsOf(1).settleableAt);
        uint256 fees = 2 * uint256(LIGHT_FEE) + HEAVY_FEE;
        vm.mockCall(address(tiers), abi.encodeCall(tiers.collect, (1)), abi.encode(fees - 1));
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotConserved.selector, fees, fees - 1));
        payouts.settleEpoch(1);
    }

    function test_onlyTiersPayIn() public {
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotTiers.selector, listener));
        vm.prank(listener);
        (bool success,) = address(payouts).call{value: 1}("");
        assertTrue(success);
    }

    /* claims */

    function test_payoutIsCreditedToThePayees() public {
        settled();
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.Withdrawn(works[0], 1, amounts[0]);
        payouts.withdraw(works[0], 1, amounts[0], proofOf(0));
        assertEq(
            payouts.owed(alice.addr) + payouts.owed(bob.addr) + payouts.owed(carol.addr), amounts[0], "to the last unit"
        );
        assertEq(payouts.owed(bob.addr), amounts[0] * 3 / 10);
        assertTrue(payouts.isWithdrawn(1, works[0]));
        payouts.withdraw(works[1], 1, amounts[1], proofOf(1));
        payouts.withdraw(works[2], 1, amounts[2], proofOf(2));
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
        payouts.withdraw(works[0], 1, amounts[0], proofOf(0));
        assertGt(payouts.owed(bob.addr), 0);
    }

    function test_aPayoutIsClaimedOnceWithItsAmountAndEpoch() public {
        settled();
        bytes32[] memory proof = proofOf(0);
        refusePayout(works[0], 1, amounts[0] + 1, proof);
        refusePayout(works[1], 1, amounts[0], proof);
        refusePayout(works[0], 2, amounts[0], proof);
        refusePayout(works[0], 0, amounts[0], proof);
        refusePayout(works[0], 1, amounts[0], new bytes32[](0));
        payouts.withdraw(works[0], 1, amounts[0], proof);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.AlreadyWithdrawn.selector, 1, works[0]));
        payouts.withdraw(works[0], 1, amounts[0], proof);
    }

    function refusePayout(bytes32 workId, uint64 epoch, uint256 amount, bytes32[] memory proof) internal {
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.PayoutInvalid.selector, epoch, workId, amount));
        payouts.withdraw(workId, epoch, amount, proof);
    }

    function test_nothingIsPaidBeforeTheSettlement() public {
        proven();
        refusePayout(works[0], 1, amounts[0], proofOf(0));
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
        payouts.withdraw(works[0], 1, amounts[0], proofOf(0));
        refusePayout(works[1], 1, amounts[1], proofOf(1));
        assertConserved();
    }

    function test_blacklistedWorksWait() public {
        settled();
        asOwner();
        registry.setStatus(works[0], ICWERegistry.Status.Blacklisted, "why");
        bytes32[] memory proof = proofOf(0);
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
        payouts.withdraw(works[2], 1, amounts[2], proofOf(2));
        payouts.withdraw(works[1], 1, amounts[1], proofOf(1));
        payouts.claim(payable(bob.addr));
        assertEq(bob.addr.balance, amounts[1]);
        assertEq(payouts.owed(address(refusing)), amounts[2]);
        assertConserved();
    }
}
