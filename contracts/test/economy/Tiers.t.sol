// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWETiers} from "../../src/interfaces/ICWETiers.sol";
import {Field} from "../../src/libraries/Field.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {PoseidonSolidity} from "../../src/libraries/PoseidonSolidity.sol";
import {PoseidonTree} from "../../src/libraries/PoseidonTree.sol";
import {CWETiers} from "../../src/tiers/CWETiers.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {PoseidonModel} from "../utils/PoseidonModel.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

contract TiersTest is EconomyFixture {
    uint256[] internal leaves;

    function leafBy(bytes32 tierId, uint64 epoch, uint256 commitment) internal pure returns (uint256) {
        return PoseidonSolidity.hash(commitment, uint256(tierId) * 2 ** 64 + epoch);
    }

    function join(bytes32 tierId, uint256 commitment) internal {
        leaves.push(leafBy(tierId, clock.currentEpoch(), commitment));
        subscribe(tierId, commitment);
    }

    function setTerms(bytes32 tierId, uint112 fee) internal {
        asOwner();
        tiers.setTerms(tierId, ICWETiers.Terms(fee, fee == 0 ? 0 : 3600, fee == 0 ? 0 : 1));
    }

    /* subscriptions */

    function test_subscriptionBuysALeaf() public {
        uint256 leaf = leafBy(LIGHT, 1, 42);
        leaves.push(leaf);
        vm.expectEmit(address(tiers));
        emit ICWETiers.Subscribed(1, LIGHT, 42, 0, leaf, listener, LIGHT_FEE);
        assertEq(subscribe(LIGHT, 42), 0);
        assertEq(tiers.subscriptionRoot(1), PoseidonModel.root(leaves));
        assertEq(tiers.subscriptionCount(1), 1);
        assertEq(tiers.positionOf(1, 42), 0);
        assertEq(tiers.tierOf(1, 42), LIGHT);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.NotSubscribed.selector, 2, 42));
        tiers.tierOf(2, 42);
        (uint256 revenue, uint64 subscribers) = tiers.revenueOf(1, LIGHT);
        assertEq(revenue, LIGHT_FEE);
        assertEq(subscribers, 1);
        assertEq(address(tiers).balance, LIGHT_FEE);
    }

    /// forge-config: default.fuzz.runs = 4
    function testFuzz_treeIsThatOfAllSubscriptions(uint256 seed) public {
        for (uint256 i = 1; i <= 9; ++i) {
            join(uint256(keccak256(abi.encode(seed, i))) % 2 == 0 ? LIGHT : HEAVY, i);
            assertEq(tiers.subscriptionRoot(1), PoseidonModel.root(leaves));
        }
    }

    function test_epochsHaveTreesOfTheirOwn() public {
        join(LIGHT, 1);
        uint256 root = tiers.subscriptionRoot(1);
        endEpoch(1);
        assertEq(tiers.subscriptionRoot(2), 0);
        subscribe(LIGHT, 1);
        assertEq(tiers.subscriptionRoot(1), root, "past roots are kept");
        assertTrue(tiers.subscriptionRoot(2) != root);
    }

    function test_renewalIsForTheNextEpoch() public {
        vm.startPrank(listener);
        tiers.subscribe{value: LIGHT_FEE}(LIGHT, 1);
        tiers.renew{value: HEAVY_FEE}(HEAVY, 1);
        vm.stopPrank();
        assertEq(tiers.subscriptionCount(2), 1);
        leaves.push(leafBy(HEAVY, 2, 1));
        assertEq(tiers.subscriptionRoot(2), PoseidonModel.root(leaves));
        endEpoch(1);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.AlreadySubscribed.selector, 2, 1));
        subscribe(HEAVY, 1);
    }

    function test_onlyTheExactFeeIsTaken() public {
        uint256[3] memory wrong = [uint256(0), LIGHT_FEE - 1, LIGHT_FEE + 1];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWETiers.WrongFee.selector, wrong[i], LIGHT_FEE));
            vm.prank(listener);
            tiers.subscribe{value: wrong[i]}(LIGHT, 1);
        }
    }

    function test_unknownTiersAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.UnknownTier.selector, bytes32("none"), 1));
        tiers.subscribe("none", 1);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.UnknownTier.selector, bytes32("none"), 1));
        tiers.feeOf("none");
    }

    function test_aCommitmentSubscribesOnceAnEpoch() public {
        subscribe(LIGHT, 1);
        bytes memory refused = abi.encodeWithSelector(ICWETiers.AlreadySubscribed.selector, 1, 1);
        vm.expectRevert(refused);
        subscribe(LIGHT, 1);
        vm.expectRevert(refused);
        subscribe(HEAVY, 1);
    }

    function test_commitmentsAreCanonicalFieldElements() public {
        uint256[3] memory bad = [uint256(0), Field.MODULUS, type(uint256).max];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Field.NotAFieldElement.selector, bad[i]));
            subscribe(LIGHT, bad[i]);
        }
        subscribe(LIGHT, Field.MODULUS - 1);
    }

    /* upgrades */

    function upgrade(uint256 commitment, uint256 paid) internal {
        uint256[20] memory siblings = PoseidonModel.proof(leaves, tiers.positionOf(1, commitment));
        vm.prank(listener);
        tiers.upgrade{value: paid}(HEAVY, commitment, siblings);
    }

    function test_upgradeReplacesTheLeafForTheDifference() public {
        join(LIGHT, 1);
        join(LIGHT, 2);
        join(HEAVY, 3);
        vm.expectEmit(address(tiers));
        emit ICWETiers.Upgraded(1, HEAVY, 2, LIGHT, 1, leafBy(HEAVY, 1, 2), listener, HEAVY_FEE - LIGHT_FEE);
        upgrade(2, HEAVY_FEE - LIGHT_FEE);
        assertEq(tiers.tierOf(1, 2), HEAVY);
        assertEq(tiers.positionOf(1, 2), 1);
        leaves[1] = leafBy(HEAVY, 1, 2);
        assertEq(tiers.subscriptionRoot(1), PoseidonModel.root(leaves));
        (uint256 light, uint64 lights) = tiers.revenueOf(1, LIGHT);
        (uint256 heavy, uint64 heavies) = tiers.revenueOf(1, HEAVY);
        assertEq(light, LIGHT_FEE);
        assertEq(lights, 1);
        assertEq(heavy, 2 * uint256(HEAVY_FEE));
        assertEq(heavies, 2);
        assertEq(address(tiers).balance, light + heavy);
        join(LIGHT, 4);
        assertEq(tiers.subscriptionRoot(1), PoseidonModel.root(leaves));
    }

    function test_badUpgradesAreRefused() public {
        join(LIGHT, 1);
        uint256[20] memory siblings = PoseidonModel.proof(leaves, 0);
        uint256 difference = HEAVY_FEE - LIGHT_FEE;
        vm.startPrank(listener);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.WrongFee.selector, HEAVY_FEE, difference));
        tiers.upgrade{value: HEAVY_FEE}(HEAVY, 1, siblings);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.UnknownTier.selector, bytes32("none"), 1));
        tiers.upgrade("none", 1, siblings);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.NotSubscribed.selector, 1, 2));
        tiers.upgrade{value: difference}(HEAVY, 2, siblings);
        siblings[3] = 1;
        tiers.upgrade{value: difference}(HEAVY, 1, siblings);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.NotAnUpgrade.selector, HEAVY_FEE, HEAVY_FEE));
        tiers.upgrade(HEAVY, 1, siblings);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.NotAnUpgrade.selector, HEAVY_FEE, LIGHT_FEE));
        tiers.upgrade(LIGHT, 1, siblings);
        vm.stopPrank();
    }

    function test_upgradesNeedThePathOfTheLeaf() public {
        join(LIGHT, 1);
        join(LIGHT, 2);
        uint256[20] memory siblings = PoseidonModel.proof(leaves, 1);
        siblings[0] ^= 1;
        vm.expectRevert(abi.encodeWithSelector(PoseidonTree.NotInTree.selector, 1));
        vm.prank(listener);
        tiers.upgrade{value: HEAVY_FEE - LIGHT_FEE}(HEAVY, 2, siblings);
        assertEq(tiers.tierOf(1, 2), LIGHT);
    }

    /* terms */

    function test_feeChangesLeaveThisAndTheNextEpochAlone() public {
        setTerms(LIGHT, 9 ether);
        assertEq(tiers.feeOf(LIGHT), LIGHT_FEE);
        assertEq(tiers.termsOf(LIGHT, 2).fee, LIGHT_FEE, "can already be paid for");
        assertEq(tiers.termsOf(LIGHT, 3).fee, 9 ether);
        endEpoch(1);
        assertEq(tiers.feeOf(LIGHT), LIGHT_FEE);
        endEpoch(2);
        assertEq(tiers.feeOf(LIGHT), 9 ether);
        assertEq(tiers.termsOf(LIGHT, 1).fee, LIGHT_FEE);
    }

    function test_tiersCloseAndOpen() public {
        setTerms(LIGHT, 0);
        endEpoch(2);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.UnknownTier.selector, LIGHT, 3));
        tiers.feeOf(LIGHT);
        setTerms(LIGHT, 1 ether);
        endEpoch(4);
        assertEq(tiers.feeOf(LIGHT), 1 ether);
        assertEq(tiers.tierIds().length, 2);
    }

    function test_termsMustMakeSense() public {
        ICWETiers.Terms[5] memory bad = [
            ICWETiers.Terms(1, 0, 1),
            ICWETiers.Terms(1, 1, 0),
            ICWETiers.Terms(0, 1, 0),
            ICWETiers.Terms(0, 0, 1),
            ICWETiers.Terms(0, 1, 1)
        ];
        vm.startPrank(timelock);
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWETiers.TermsInvalid.selector, bad[i]));
            tiers.setTerms(LIGHT, bad[i]);
        }
        bytes32 tooLong = bytes32(uint256(1) << 184);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.TierIdInvalid.selector, tooLong));
        tiers.setTerms(tooLong, ICWETiers.Terms(1, 1, 1));
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.TierIdInvalid.selector, bytes32(0)));
        tiers.setTerms(0, ICWETiers.Terms(1, 1, 1));
        for (uint256 i = 3; i <= 16; ++i) {
            tiers.setTerms(bytes32(i), ICWETiers.Terms(1, 1, 1));
        }
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.TooManyTiers.selector, 16));
        tiers.setTerms(bytes32(uint256(99)), ICWETiers.Terms(1, 1, 1));
        vm.stopPrank();
        vm.expectRevert(notOwner(listener));
        vm.prank(listener);
        tiers.setTerms(LIGHT, ICWETiers.Terms(1, 1, 1));
    }

    /* collection */

    function test_onlyThePayoutsCollectOnceAndAfterTheEpoch() public {
        subscribe(LIGHT, 1);
        subscribe(HEAVY, 2);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.NotPayouts.selector, address(this)));
        tiers.collect(1);
        uint64 endsAt = clock.windowsOf(1).endsAt;
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.EpochNotOver.selector, 1, endsAt));
        vm.prank(address(payouts));
        tiers.collect(1);
        vm.warp(endsAt);
        vm.prank(address(payouts));
        assertEq(tiers.collect(1), LIGHT_FEE + HEAVY_FEE);
        assertEq(address(payouts).balance, LIGHT_FEE + HEAVY_FEE);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.AlreadyCollected.selector, 1));
        vm.prank(address(payouts));
        tiers.collect(1);
    }

    function test_collectionThatIsRefusedIsUndone() public {
        CWETiers other = CWETiers(
            address(
                new ERC1967Proxy(
                    address(new CWETiers()),
                    abi.encodeCall(CWETiers.initialize, (address(this), address(clock), address(this)))
                )
            )
        );
        other.setTerms(LIGHT, ICWETiers.Terms(1 ether, 1, 1));
        vm.prank(listener);
        other.subscribe{value: 1 ether}(LIGHT, 1);
        endEpoch(1);
        vm.expectRevert(abi.encodeWithSelector(ICWETiers.CollectionFailed.selector, 1 ether));
        other.collect(1);
    }

    function test_tiersNeedTheirNeighbours() public {
        address code = address(new CWETiers());
        vm.expectRevert(Governed.ZeroAddress.selector);
        new ERC1967Proxy(code, abi.encodeCall(CWETiers.initialize, (address(this), address(0), address(1))));
        vm.expectRevert(Governed.ZeroAddress.selector);
        new ERC1967Proxy(code, abi.encodeCall(CWETiers.initialize, (address(this), address(1), address(0))));
    }
}
