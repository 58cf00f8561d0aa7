// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {IPullPayments} from "../../src/interfaces/IPullPayments.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {SystemAddresses} from "../../src/libraries/SystemAddresses.sol";
import {SplitPay} from "../../src/payments/SplitPay.sol";
import {CWEPayouts} from "../../src/payouts/CWEPayouts.sol";
import {CWETiers} from "../../src/tiers/CWETiers.sol";
import {Treasury} from "../../src/treasury/Treasury.sol";
import {CheapHash} from "../mocks/CheapHash.sol";
import {ReentrantPayee, RefusingPayee} from "../mocks/Payees.sol";
import {PayoutList} from "../utils/PayoutList.sol";
import {PayoutsFixture} from "../utils/PayoutsFixture.sol";

/// @notice Drives the economy's money with random actions and keeps its own books: what listeners paid in, and what has
/// left for good. Hashes are cheap ones here; the trees have tests of their own.
contract EconomyHandler is PayoutsFixture {
    bytes32[] internal works;
    address payable[] internal accounts;
    uint256 internal commitments;
    uint256 internal nullifiers;

    /// @dev Payout lists by epoch, of the settlement proven last.
    mapping(uint64 epoch => uint256[]) internal amounts;
    /// @dev States that aggregates led to, and the most reveals of one.
    mapping(uint64 epoch => ICWEPayouts.Basis[]) internal states;
    mapping(uint64 epoch => uint64) internal mostReveals;

    uint256 public feesPaid;
    uint256 public salesPaid;
    uint256 public paidOut;
    uint256 public spent;
    uint256 public refunded;
    uint256 public doubleRefunds;
    uint256 public withdrawals;
    uint256 public doubleClaims;
    uint256 public branchings;
    uint256 public replacements;
    uint256 public abandonments;
    uint256 public settledWithoutProof;

    constructor() {
        setUp();
        vm.etch(SystemAddresses.POSEIDON, type(CheapHash).runtimeCode);
        works.push(registerThree(1));
        works.push(registerFor(2, payable(bob.addr)));
        works.push(registerFor(3, payable(address(new RefusingPayee()))));
        works.push(registerFor(4, payable(address(new ReentrantPayee()))));
        accounts.push(payable(alice.addr));
        accounts.push(payable(bob.addr));
        accounts.push(payable(carol.addr));
        accounts.push(registry.payeesAt(works[2], 1)[0].account);
        accounts.push(registry.payeesAt(works[3], 1)[0].account);
        vm.deal(listener, 1e36);
    }

    function contracts() external view returns (address, address, address, address) {
        return (address(payouts), address(tiers), address(treasury), address(splitPay));
    }

    /* listeners */

    function subscribeOne(bool heavy, bool ahead) external {
        uint256 fee = heavy ? HEAVY_FEE : LIGHT_FEE;
        vm.prank(listener);
        if (ahead) tiers.renew{value: fee}(heavy ? HEAVY : LIGHT, ++commitments);
        else tiers.subscribe{value: fee}(heavy ? HEAVY : LIGHT, ++commitments);
        feesPaid += fee;
    }

    function submitOne(bool heavy) external {
        uint64 epoch = clock.submissionEpoch();
        if (epoch == 0) return;
        if (beacon.keyOf(epoch) == 0) {
            relayL1Block();
            beacon.fix(epoch);
        }
        bytes32 tier = heavy ? HEAVY : LIGHT;
        (, uint64 subscribers) = tiers.revenueOf(epoch, tier);
        if (consumption.submissionsOf(epoch, tier) == subscribers) return;
        ++nullifiers;
        vm.fee(heavy ? 1 gwei : 10_000 gwei);
        submit(epoch, tier, nullifiers, nullifiers);
    }

    function buy(uint256 which, uint256 amount) external {
        amount = bound(amount, 1, 1e24);
        bytes32 workId = works[which % works.length];
        vm.prank(listener);
        splitPay.pay{value: amount}(workId);
        salesPaid += amount;
    }

    function passTime(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 12 days));
    }

    /* settlement */

    function aggregate(uint64 units, uint64 reveals, uint256 which) external {
        uint64 epoch = payouts.nextEpoch();
        uint256 opens = clock.windowsOf(epoch).submissionEndsAt;
        if (block.timestamp < opens || block.timestamp >= clock.windowsOf(epoch).settleableAt) return;
        ICWEPayouts.Basis memory basis = stateOf(epoch, which);
        (,, uint64[] memory branch) = payouts.stateOf(epoch, basis.nullifierRoot, basis.totalsRoot);
        uint64 most = 100 * consumption.submissionsOf(epoch, HEAVY) - (branch.length == 0 ? 0 : branch[1]);
        ICWEPayouts.Aggregate memory batch = aggregateOn(basis, 0, uint64(bound(units, 0, most)));
        (bool known,,) = payouts.stateOf(epoch, batch.nullifierRootAfter, batch.totalsRootAfter);
        if (known) return;
        batch.reveals = uint64(bound(reveals, 1, 5));
        (,, uint64 before) = payouts.rootsOf(epoch);
        (, uint64 branchReveals,) = payouts.stateOf(epoch, basis.nullifierRoot, basis.totalsRoot);
        submitAggregate(epoch, batch);
        states[epoch].push(after_(batch));
        if (branchReveals + batch.reveals > mostReveals[epoch]) mostReveals[epoch] = branchReveals + batch.reveals;
        if (branchReveals < before) ++branchings;
    }

    /// @dev The empty state, or one of those that aggregates led to.
    function stateOf(uint64 epoch, uint256 which) internal view returns (ICWEPayouts.Basis memory) {
        which %= states[epoch].length + 1;
        return which == 0 ? emptyBasis() : states[epoch][which - 1];
    }

    function prove(uint256 carried, uint256 unclaimed, uint256 seed, uint256 which, bool abandon) external {
        uint64 epoch = payouts.nextEpoch();
        if (block.timestamp < clock.windowsOf(epoch).settleableAt) return;
        (uint64 graceEndsAt,) = payouts.graceOf(epoch);
        ICWEPayouts.Basis memory basis = stateOf(epoch, which);
        basis.abandonCarried = abandon && block.timestamp >= graceEndsAt;
        (, bool proven,) = payouts.settlementOf(epoch);
        if (proven && !isBetter(epoch, basis)) return;
        ICWEPayouts.Settlement memory settlement;
        settlement.creators = distributable(epoch);
        settlement.carried = bound(carried, 0, settlement.creators);
        settlement.creators -= settlement.carried;
        settlement.unclaimed = bound(unclaimed, 0, settlement.creators);
        settlement.creators -= settlement.unclaimed;
        settlement.payoutRoot = listWorks(epoch, settlement.creators, seed);
        settlement.payoutsHash = publish(epoch, works, amounts[epoch]);
        proveSettlementOn(epoch, basis, settlement);
        if (proven) ++replacements;
    }

    function isBetter(uint64 epoch, ICWEPayouts.Basis memory basis) internal view returns (bool) {
        (ICWEPayouts.Basis memory provenBasis, uint64 provenReveals) = payouts.basisOf(epoch);
        (, uint64 reveals,) = payouts.stateOf(epoch, basis.nullifierRoot, basis.totalsRoot);
        if (reveals != provenReveals) return reveals > provenReveals;
        return provenBasis.abandonCarried && !basis.abandonCarried;
    }

    function settle() external {
        uint64 epoch = payouts.nextEpoch();
        bool ready = isFinal(epoch);
        (ICWEPayouts.Basis memory basis,) = payouts.basisOf(epoch);
        (, bool proven,) = payouts.settlementOf(epoch);
        bool held = payouts.books().carried != 0;
        try payouts.settleEpoch(epoch) {
            assert(ready);
            if (basis.abandonCarried && held) ++abandonments;
            if (!proven && (held || mostReveals[epoch] != 0)) ++settledWithoutProof;
        } catch {
            assert(!ready);
        }
    }

    function isFinal(uint64 epoch) internal view returns (bool) {
        if (block.timestamp < clock.windowsOf(epoch).settleableAt) return false;
        (uint64 graceEndsAt, uint64 unprovenAt) = payouts.graceOf(epoch);
        (, bool proven,) = payouts.settlementOf(epoch);
        if (!proven) {
            return block.timestamp >= unprovenAt || (mostReveals[epoch] == 0 && payouts.books().carried == 0);
        }
        (, uint64 reveals) = payouts.basisOf(epoch);
        return block.timestamp >= graceEndsAt || reveals == mostReveals[epoch];
    }

    function listWorks(uint64 epoch, uint256 creators_, uint256 seed) internal returns (bytes32) {
        uint256 rest = creators_;
        delete amounts[epoch];
        for (uint256 i = 0; i < works.length; ++i) {
            bool last = i == works.length - 1;
            uint256 amount = last ? rest : bound(uint256(keccak256(abi.encode(seed, i))), 0, rest);
            amounts[epoch].push(amount);
            rest -= amount;
        }
        return PayoutList.root(listOf(epoch, works, amounts[epoch]));
    }

    /* claims */

    function withdraw(uint64 epoch, uint256 which) external {
        uint64 next = payouts.nextEpoch();
        if (next == 1) return;
        epoch = uint64(bound(epoch, 1, next - 1));
        if (amounts[epoch].length == 0) return;
        which %= works.length;
        bytes32[] memory list = listOf(epoch, works, amounts[epoch]);
        bytes32[] memory proof = PayoutList.proof(list, list[which]);
        bool before = payouts.isWithdrawn(epoch, works[which]);
        try payouts.withdraw(works[which], epoch, amounts[epoch][which], proof) {
            ++withdrawals;
            if (before) ++doubleClaims;
        } catch {
            assert(before);
        }
    }

    function claim(uint256 which, bool sales) external {
        address payable account = accounts[which % accounts.length];
        uint256 before = account.balance;
        IPullPayments payments = sales ? IPullPayments(address(splitPay)) : IPullPayments(address(payouts));
        try payments.claim(account) returns (uint256 amount) {
            paidOut += amount;
            assert(account.balance == before + amount);
        } catch {
            assert(account.balance == before);
        }
    }

    function spend(uint256 amount) external {
        amount = bound(amount, 0, treasury.balanceOf(ITreasury.Account.EcoReserve));
        vm.prank(timelock);
        treasury.spend(ITreasury.Account.EcoReserve, payable(makeAddr("forester")), amount, "trees");
        spent += amount;
    }

    /// @dev Of the epoch settled last, or one before.
    function refund(uint256 which) external {
        uint64 settled = payouts.nextEpoch() - 1;
        uint64 epoch = uint64(bound(which, 0, settled));
        bool before = refunds.isRefunded(epoch, relayer);
        (uint256 cost,) = consumption.costsOf(epoch, relayer);
        try refunds.claim(epoch, payable(relayer)) returns (uint256 amount) {
            refunded += amount;
            assert(amount <= cost && amount <= refunds.available(epoch));
            if (before) ++doubleRefunds;
        } catch {
            assert(before || cost == 0);
        }
    }
}

contract EconomyInvariantsTest is PayoutsFixture {
    EconomyHandler internal handler;

    function setUp() public override {
        handler = new EconomyHandler();
        bytes4[] memory actions = new bytes4[](11);
        actions[0] = EconomyHandler.subscribeOne.selector;
        actions[1] = EconomyHandler.submitOne.selector;
        actions[2] = EconomyHandler.buy.selector;
        actions[3] = EconomyHandler.passTime.selector;
        actions[4] = EconomyHandler.aggregate.selector;
        actions[5] = EconomyHandler.settle.selector;
        actions[6] = EconomyHandler.withdraw.selector;
        actions[7] = EconomyHandler.claim.selector;
        actions[8] = EconomyHandler.spend.selector;
        actions[9] = EconomyHandler.prove.selector;
        actions[10] = EconomyHandler.refund.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), actions));
        (address payouts_, address tiers_, address treasury_, address splitPay_) = handler.contracts();
        payouts = CWEPayouts(payable(payouts_));
        tiers = CWETiers(tiers_);
        treasury = Treasury(treasury_);
        splitPay = SplitPay(splitPay_);
    }

    /* the random walk must be able to reach the interesting states, or the invariants say nothing */

    function passToSettlement() internal {
        handler.subscribeOne(true, false);
        handler.passTime(12 days);
        handler.passTime(12 days);
        handler.passTime(7 days);
        handler.submitOne(true);
        handler.passTime(3 days);
        handler.aggregate(60, 5, 0);
        handler.aggregate(70, 3, 0);
        handler.passTime(7 days);
    }

    function test_actionsReachAPaidCreator() public {
        passToSettlement();
        handler.prove(1 ether, 2 ether, 3, 1, false);
        handler.settle();
        handler.withdraw(1, 1);
        handler.withdraw(1, 1);
        assertEq(handler.withdrawals(), 1);
        assertEq(handler.doubleClaims(), 0);
        handler.claim(1, false);
        assertGt(handler.paidOut(), 0);
        handler.spend(1 ether);
        handler.refund(1);
        handler.refund(1);
        assertGt(handler.refunded(), 0);
        assertEq(handler.doubleRefunds(), 0);
        assertEq(payouts.books().carried, 1 ether);
        assertEq(handler.branchings(), 1);
    }

    function test_actionsReachAReplacedSettlement() public {
        passToSettlement();
        handler.prove(0, 0, 3, 2, false);
        handler.settle();
        assertEq(payouts.nextEpoch(), 1, "contestable");
        handler.prove(0, 0, 3, 1, false);
        assertEq(handler.replacements(), 1);
        handler.settle();
        assertEq(payouts.nextEpoch(), 2);
    }

    function test_actionsReachAbandonedMoneyAndAnEpochWithoutProof() public {
        passToSettlement();
        handler.passTime(12 days);
        handler.settle();
        assertEq(handler.settledWithoutProof(), 1);
        for (uint256 i = 0; i < 3; ++i) {
            handler.passTime(12 days);
        }
        handler.prove(3 ether, 0, 3, 0, true);
        handler.settle();
        assertEq(handler.abandonments(), 0, "nothing was carried");
        for (uint256 i = 0; i < 3; ++i) {
            handler.passTime(12 days);
        }
        handler.prove(0, 0, 3, 0, true);
        handler.settle();
        assertEq(handler.abandonments(), 1);
        assertEq(payouts.books().carried, 0);
    }

    /// Σ fees = Σ credited + claimable + eco + infra + carried + unclaimed, to the last unit.
    function invariant_booksAddUp() public view {
        ICWEPayouts.Books memory b = payouts.books();
        assertEq(b.fees, b.credited + b.claimable + b.eco + b.infra + b.carried + b.unclaimed);
    }

    /// Every contract holds what it owes, no more and no less.
    function invariant_balancesAreTheBooks() public view {
        ICWEPayouts.Books memory b = payouts.books();
        assertEq(address(payouts).balance, b.claimable + b.carried + b.unclaimed + payouts.totalOwed());
        assertEq(address(tiers).balance, handler.feesPaid() - b.fees);
        assertEq(address(splitPay).balance, splitPay.totalOwed());
        assertEq(address(treasury).balance, b.eco + b.infra - handler.spent() - handler.refunded());
    }

    /// What listeners paid is still there, or was paid out, refunded, or spent by governance.
    function invariant_noMoneyAppearsOrVanishes() public view {
        uint256 held =
            address(payouts).balance + address(tiers).balance + address(splitPay).balance + address(treasury).balance;
        assertEq(
            handler.feesPaid() + handler.salesPaid(), held + handler.paidOut() + handler.spent() + handler.refunded()
        );
    }

    function invariant_noPayoutIsClaimedTwice() public view {
        assertEq(handler.doubleClaims(), 0);
        assertEq(handler.doubleRefunds(), 0);
    }
}
