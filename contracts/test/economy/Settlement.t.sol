// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {IEpochClock} from "../../src/interfaces/IEpochClock.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {RevealsFixture} from "../utils/RevealsFixture.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice How an epoch's money is divided, and that none is lost. Which settlement counts: see GraceTest.
contract SettlementTest is RevealsFixture {
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

    function test_settlementIsProvenForItsBasis() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement = division(1);
        ICWEPayouts.Basis memory basis = bestBasis(1);
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(1, basis);
        assertEq(inputs.totalsRoot, basis.totalsRoot);
        bytes32 value = keccak256(abi.encode(block.chainid, inputs, settlement));
        assertEq(payouts.settlementValue(1, basis, settlement), value);
        assertTrue(payouts.settlementValue(1, emptyBasis(), settlement) != value);
        verifier.accept(value, "settlement");
        vm.startPrank(coordinator);
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        payouts.proveSettlement(1, emptyBasis(), settlement, "settlement");
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.SettlementProven(1, coordinator, basis, settlement);
        payouts.proveSettlement(1, basis, settlement, "settlement");
        vm.stopPrank();
        (ICWEPayouts.Basis memory stored, uint64 reveals) = payouts.basisOf(1);
        assertEq(abi.encode(stored), abi.encode(basis));
        assertEq(reveals, 5);
    }

    function test_carriedAndUnclaimedFlowIntoTheNextEpoch() public {
        ICWEPayouts.Settlement memory first = settled();
        openSettlement(2);
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(2, emptyBasis());
        assertEq(inputs.carriedIn, first.carried);
        assertEq(inputs.carriedRootIn, "carried");
        assertEq(inputs.unclaimedIn, first.unclaimed);
        // Carried money is not unclaimed money: somebody has a right to it, so a proof is needed.
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 2));
        payouts.settleEpoch(2);
        ICWEPayouts.Settlement memory second = allUnclaimed(2);
        assertEq(second.unclaimed, first.carried + first.unclaimed, "no share is taken twice");
        proveSettlement(2, second);
        payouts.settleEpoch(2);
        assertConserved();
        assertEq(payouts.books().carried, 0);
    }

    function test_epochWithoutRevealsNeedsNoProof() public {
        openSettlement(1);
        uint256 rest = distributable(1);
        // Nor a verifier.
        asOwner();
        payouts.setVerifiers(address(0), address(0));
        vm.prank(makeAddr("anybody"));
        payouts.settleEpoch(1);
        assertEq(payouts.books().unclaimed, rest);
        assertEq(payouts.books().claimable, 0);
        assertEq(payouts.settlementInputs(2, emptyBasis()).carriedRootIn, EMPTY_TRIE);
        assertConserved();
    }

    function test_moneyMustBeConserved() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement;
        ICWEPayouts.Basis memory basis = bestBasis(1);
        uint256 inflow = 2 * uint256(LIGHT_FEE) + HEAVY_FEE;
        settlement.creators = distributable(1) + 1;
        acceptSettlement(1, basis, settlement);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotConserved.selector, inflow, inflow + 1));
        payouts.proveSettlement(1, basis, settlement, "settlement");
        settlement.creators -= 2;
        acceptSettlement(1, basis, settlement);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.NotConserved.selector, inflow, inflow - 1));
        payouts.proveSettlement(1, basis, settlement, "settlement");
        settlement.creators += 1;
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        payouts.proveSettlement(1, basis, settlement, "settlement");
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.SettlementNotProven.selector, 1));
        payouts.settleEpoch(1);
    }

    /// Sums that wrap around would be sums of anything.
    function test_sumsDoNotOverflow() public {
        openReveals();
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement;
        settlement.creators = type(uint256).max;
        settlement.carried = distributable(1) + 1;
        ICWEPayouts.Basis memory basis = emptyBasis();
        acceptSettlement(1, basis, settlement);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        payouts.proveSettlement(1, basis, settlement, "settlement");
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
        payouts.proveSettlement(1, emptyBasis(), settlement, "");
    }

    function test_epochsAreSettledInOrderAndOnce() public {
        settled();
        openSettlement(5);
        uint256[3] memory wrong = [uint256(0), 1, 3];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory refused = abi.encodeWithSelector(ICWEPayouts.NotNextEpoch.selector, wrong[i], 2);
            vm.expectRevert(refused);
            payouts.settleEpoch(wrong[i]);
            ICWEPayouts.Settlement memory settlement;
            vm.expectRevert(refused);
            payouts.proveSettlement(uint64(wrong[i]), emptyBasis(), settlement, "");
        }
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, uint256(1) << 64));
        payouts.settleEpoch(uint256(1) << 64);
    }

    /// The same state, division and proof belong to one epoch.
    function test_aSettlementIsNotProvenForAnotherEpoch() public {
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement = allUnclaimed(1);
        proveSettlementOn(1, emptyBasis(), settlement);
        payouts.settleEpoch(1);
        openSettlement(2);
        assertEq(distributable(2), settlement.unclaimed);
        vm.expectRevert(ICWEPayouts.ProofInvalid.selector);
        payouts.proveSettlement(2, emptyBasis(), settlement, "settlement");
    }

    function test_booksThatDoNotAddUpStopEverything() public {
        settled();
        openSettlement(2);
        proveSettlement(2, allUnclaimed(2));
        uint256 required = address(payouts).balance;
        vm.deal(address(payouts), required - 1);
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.Insolvent.selector, required - 1, required));
        payouts.settleEpoch(2);
    }

    function test_collectionMustBeTheRevenue() public {
        openSettlement(1);
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

    function test_epochsAreNumberedFromOne() public {
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.UnknownEpoch.selector, 0));
        payouts.settlementInputs(0, emptyBasis());
    }

    /* verifiers */

    function test_withoutAVerifierNothingIsProven() public {
        openSettlement(1);
        asOwner();
        payouts.setVerifiers(address(verifier), address(0));
        ICWEPayouts.Settlement memory settlement;
        vm.expectRevert(ICWEPayouts.VerifierNotSet.selector);
        payouts.proveSettlement(1, emptyBasis(), settlement, "");
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
}
