// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {SystemAddresses} from "../../src/libraries/SystemAddresses.sol";
import {CheapHash} from "../mocks/CheapHash.sol";
import {PayoutList} from "../utils/PayoutList.sol";
import {PayoutsFixture} from "../utils/PayoutsFixture.sol";

/// @notice Gas of what is called often, as whole transactions in a lived-in state, kept as files under `snapshots/`.
/// Poseidon costs what the precompile costs.
/// forge-config: default.isolate = true
contract EconomyGasTest is PayoutsFixture {
    bytes32[] internal works;
    uint256[] internal amounts;

    function setUp() public override {
        super.setUp();
        vm.etch(SystemAddresses.POSEIDON, type(CheapHash).runtimeCode);
        vm.fee(1 gwei);
    }

    function test_hashCostsWhatThePrecompileCosts() public view {
        uint256 before = gasleft();
        (bool success,) = SystemAddresses.POSEIDON.staticcall(new bytes(64));
        uint256 used = before - gasleft();
        assertTrue(success);
        // Once more, warm.
        before = gasleft();
        (success,) = SystemAddresses.POSEIDON.staticcall(new bytes(64));
        used = before - gasleft();
        assertGe(used, 600);
    }

    function test_gasOfSubscription() public {
        subscribe(LIGHT, 1);
        vm.snapshotGasLastCall("Economy", "subscribe, first of an epoch");
        assertLe(vm.lastCallGas().gasTotalUsed, 150_000);
        for (uint256 i = 2; i <= 64; ++i) {
            subscribe(LIGHT, i);
            // Twenty an epoch take a new slot of the tree's edge.
            if (i == 32) vm.snapshotGasLastCall("Economy", "subscribe, new edge slot");
        }
        subscribe(LIGHT, 65);
        vm.snapshotGasLastCall("Economy", "subscribe");
        assertLe(vm.lastCallGas().gasTotalUsed, 150_000);
    }

    /// The dearest one there can be, the 2¹⁹th of an epoch: nineteen subtrees are read and hashed, a new slot is taken.
    function test_gasOfTheDeepestSubscription() public {
        subscribe(LIGHT, 1);
        // ERC-7201 namespace of CWETiers; the trees are its field number 4, by epoch.
        uint256 namespace = 0x625b9db4910ae6bb90a6dc4e5b0ee09a31b75269b247e6752e453e5fad859200;
        uint256 tree = uint256(keccak256(abi.encode(uint256(1), namespace + 4)));
        assertEq(uint256(vm.load(address(tiers), bytes32(tree))), 1, "its count");
        vm.store(address(tiers), bytes32(tree), bytes32(uint256(2 ** 19 - 1)));
        for (uint256 level = 0; level < 19; ++level) {
            vm.store(address(tiers), bytes32(tree + 1 + level), bytes32(level + 1));
        }
        assertEq(subscribe(LIGHT, 2), 2 ** 19 - 1);
        vm.snapshotGasLastCall("Economy", "subscribe, deepest of an epoch");
    }

    function test_gasOfWorks() public {
        bytes32 workId = registerThree(1);
        workId = work(2);
        announce(aliceId, content(2));
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(
            workId, aliceId, content(2), threePayees(), consents, ICWERegistry.Terms(1200, WORLD)
        );
        vm.snapshotGasLastCall("Economy", "registerWorkWithConsents, 3 payees, 2 signatures");

        workId = work(3);
        address payable[] memory payees = new address payable[](3);
        uint96[] memory splits = new uint96[](3);
        Payee[] memory three = threePayees();
        for (uint256 i = 0; i < 3; ++i) {
            (payees[i], splits[i]) = (three[i].account, three[i].share);
            vm.prank(payees[i]);
            registry.setConsent(workId, 1, aliceId, splits[i], true);
        }
        vm.prank(alice.addr);
        registry.registerWork(workId, payees, splits, 1200, WORLD);
        vm.snapshotGasLastCall("Economy", "registerWork, 3 payees");
        vm.prank(alice.addr);
        registry.setTerms(workId, ICWERegistry.Terms(1300, WORLD));
        vm.snapshotGasLastCall("Economy", "setTerms");
        vm.prank(listener);
        splitPay.pay{value: 1 ether}(workId);
        vm.snapshotGasLastCall("Economy", "SplitPay.pay, 3 payees");
        splitPay.claim(payable(bob.addr));
        vm.snapshotGasLastCall("Economy", "SplitPay.claim");
    }

    function test_gasOfAnEpoch() public {
        for (uint256 i = 1; i <= 8; ++i) {
            works.push(registerThree(i));
            amounts.push(1 ether);
            subscribe(HEAVY, i);
        }
        openSubmissions(1);
        submit(1, HEAVY, 1, 101);
        vm.snapshotGasLastCall("Economy", "submitConsumption, first of an epoch, without the verifier");
        for (uint256 i = 2; i <= 6; ++i) {
            submit(1, HEAVY, i, 100 + i);
        }
        vm.snapshotGasLastCall("Economy", "submitConsumption, without the verifier");
        vm.warp(clock.windowsOf(1).submissionEndsAt);
        submitAggregate(1, aggregateOf(1, 0, 100));
        submitAggregate(1, aggregateOf(1, 0, 100));
        vm.snapshotGasLastCall("Economy", "submitAggregate, without the verifier");
        vm.warp(clock.windowsOf(1).settleableAt);
        ICWEPayouts.Settlement memory settlement;
        settlement.creators = 8 ether;
        settlement.unclaimed = distributable(1) - 8 ether;
        bytes32[] memory list = listOf(1, works, amounts);
        settlement.payoutRoot = PayoutList.root(list);
        settlement.payoutsHash = publish(1, works, amounts);
        proveSettlement(1, settlement);
        vm.snapshotGasLastCall("Economy", "proveSettlement, without the verifier");
        payouts.settleEpoch(1);
        vm.snapshotGasLastCall("Economy", "settleEpoch");
        payouts.withdraw(works[0], 1, 1 ether, PayoutList.proof(list, list[0]));
        payouts.withdraw(works[1], 1, 1 ether, PayoutList.proof(list, list[1]));
        vm.snapshotGasLastCall("Economy", "withdraw, 3 payees");
    }

    function test_gasOfPublication() public {
        for (uint256 i = 0; i < CHUNK; ++i) {
            works.push(work(i));
            amounts.push(1 ether + i);
        }
        bytes memory entries = PayoutList.entries(works, amounts);
        payouts.publishPayouts(1, 0, entries);
        vm.snapshotGasLastCall("Economy", "publishPayouts, first 2048 entries");
        payouts.publishPayouts(1, 1, entries);
        vm.snapshotGasLastCall("Economy", "publishPayouts, 2048 entries");
    }
}
