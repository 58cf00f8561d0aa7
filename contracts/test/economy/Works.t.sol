// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEIdentity} from "../../src/interfaces/ICWEIdentity.sol";
import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {IRegionRules} from "../../src/interfaces/IRegionRules.sol";
import {CommitmentTree} from "../../src/libraries/CommitmentTree.sol";
import {Splits} from "../../src/libraries/Splits.sol";
import {ContractWallet} from "../mocks/ContractWallet.sol";
import {CommitmentModel} from "../utils/CommitmentModel.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {Test, Vm} from "forge-std/Test.sol";

contract WorksTest is EconomyFixture {
    ICWERegistry.Terms internal terms = ICWERegistry.Terms(1200, WORLD);
    bytes32 internal workId = work(1);
    bytes32[] internal leaves;

    function setUp() public override {
        super.setUp();
        registry.announce(registry.claimOf(aliceId, content(2)));
        announce(aliceId, content(1));
    }

    function leafOf(
        bytes32 id,
        uint64 at,
        uint64 from,
        ICWERegistry.Terms memory now_,
        ICWERegistry.Terms memory before
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(id, at, from, now_.pricePerMin, now_.regionRule, before.pricePerMin, before.regionRule)
        );
    }

    function registerThreeWith(ICWERegistry.Consent[] memory consents) internal {
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(workId, aliceId, content(1), threePayees(), consents, terms);
    }

    function payTo(address account) internal pure returns (Payee[] memory payees) {
        payees = new Payee[](1);
        payees[0] = Payee(payable(account), 1_000_000);
    }

    function registerSpec(address payable[] memory payees, uint96[] memory splits) internal {
        vm.prank(alice.addr);
        registry.registerWork(workId, payees, splits, 1200, WORLD);
    }

    /* registration */

    function test_registrationStoresAllOfIt() public {
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        vm.expectEmit(address(registry));
        emit ICWERegistry.WorkRegistered(workId, aliceId, 0);
        vm.expectEmit(address(registry));
        emit ICWERegistry.VersionAdded(workId, 1, 1, content(1), threePayees());
        vm.expectEmit(address(registry));
        emit ICWERegistry.TermsSet(workId, 1, 1200, WORLD);
        registerThreeWith(consents);
        ICWERegistry.Work memory stored = registry.workOf(workId);
        assertEq(stored.creatorId, aliceId);
        assertEq(stored.version, 1);
        assertEq(uint8(stored.status), uint8(ICWERegistry.Status.Active));
        assertEq(stored.registeredAt, block.timestamp);
        assertEq(abi.encode(registry.contentOf(workId, 1)), abi.encode(content(1)));
        assertEq(abi.encode(registry.payeesAt(workId, 1)), abi.encode(threePayees()));
        assertEq(abi.encode(registry.termsAt(workId, 1)), abi.encode(terms));
        assertEq(registry.termsAt(workId, 0).pricePerMin, 0);
        assertEq(abi.encode(registry.payeesAt(workId, 0)), abi.encode(threePayees()), "before: the first version's");
        assertEq(registry.workWithContent(content(1).contentId), workId);
        assertEq(registry.workWithFingerprint(content(1).fpId), workId);
    }

    function test_specsFormServesASolePayee() public {
        address payable[] memory payees = new address payable[](1);
        uint96[] memory splits = new uint96[](1);
        (payees[0], splits[0]) = (payable(alice.addr), 1_000_000);
        registerSpec(payees, splits);
        assertEq(abi.encode(registry.payeesAt(workId, 1)), abi.encode(payTo(alice.addr)));
    }

    function test_specsFormNeedsConsentsGivenByCalls() public {
        address payable[] memory payees = new address payable[](2);
        uint96[] memory splits = new uint96[](2);
        (payees[0], splits[0]) = (payable(alice.addr), 600_000);
        (payees[1], splits[1]) = (payable(bob.addr), 400_000);
        bytes memory refused = abi.encodeWithSelector(ICWERegistry.ConsentMissing.selector, bob.addr);
        vm.expectRevert(refused);
        registerSpec(payees, splits);
        vm.startPrank(bob.addr);
        // For another share, version, or creator it is another consent.
        registry.setConsent(workId, 1, aliceId, 399_999, true);
        registry.setConsent(workId, 2, aliceId, 400_000, true);
        registry.setConsent(workId, 1, "other", 400_000, true);
        registry.setConsent(work(2), 1, aliceId, 400_000, true);
        vm.stopPrank();
        vm.expectRevert(refused);
        registerSpec(payees, splits);
        vm.prank(bob.addr);
        registry.setConsent(workId, 1, aliceId, 400_000, true);
        vm.prank(bob.addr);
        registry.setConsent(workId, 1, aliceId, 400_000, false);
        vm.expectRevert(refused);
        registerSpec(payees, splits);
        vm.prank(bob.addr);
        registry.setConsent(workId, 1, aliceId, 400_000, true);
        registerSpec(payees, splits);
        assertEq(registry.payeesAt(workId, 1)[1].account, bob.addr);
    }

    function test_onlyCreatorsRegister() public {
        address payable[] memory payees = new address payable[](1);
        uint96[] memory splits = new uint96[](1);
        (payees[0], splits[0]) = (payable(bob.addr), 1_000_000);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.NotCreator.selector, bob.addr, bytes32(0)));
        vm.prank(bob.addr);
        registry.registerWork(workId, payees, splits, 1, WORLD);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.NotCreator.selector, bob.addr, aliceId));
        vm.prank(bob.addr);
        registry.registerWorkWithConsents(
            workId, aliceId, content(1), payTo(bob.addr), new ICWERegistry.Consent[](1), terms
        );
    }

    function test_suspendedCreatorsDoNothing() public {
        registerThree(1);
        vm.prank(issuer);
        identity.setState(alice.addr, ICWEIdentity.Class.Creator, ICWEIdentity.State.Suspended);
        bytes memory refused = abi.encodeWithSelector(ICWERegistry.CreatorNotActive.selector, aliceId);
        vm.startPrank(alice.addr);
        vm.expectRevert(refused);
        registry.setTerms(workId, terms);
        vm.expectRevert(refused);
        registry.setStatus(workId, ICWERegistry.Status.Deprecated, "why");
        vm.expectRevert(refused);
        registry.addVersion(workId, content(2), payTo(alice.addr), new ICWERegistry.Consent[](1));
        vm.expectRevert(refused);
        registry.registerWorkWithConsents(
            work(2), aliceId, content(2), payTo(alice.addr), new ICWERegistry.Consent[](1), terms
        );
        vm.stopPrank();
    }

    function test_delegatesRegisterInTheirRole() public {
        vm.prank(alice.addr);
        creators.setDelegate(aliceId, carol.addr, 1, 0, "");
        vm.startPrank(carol.addr);
        registry.registerWorkWithConsents(
            workId, aliceId, content(1), payTo(carol.addr), new ICWERegistry.Consent[](1), terms
        );
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.NotCreator.selector, carol.addr, aliceId));
        registry.setTerms(workId, terms);
        vm.stopPrank();
    }

    function test_idsAreFieldElementsAndUnique() public {
        ICWERegistry.Consent[] memory none = new ICWERegistry.Consent[](1);
        vm.startPrank(alice.addr);
        bytes32[2] memory bad = [bytes32(0), bytes32(uint256(1) << 248)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWERegistry.WorkIdInvalid.selector, bad[i]));
            registry.registerWorkWithConsents(bad[i], aliceId, content(1), payTo(alice.addr), none, terms);
        }
        registry.registerWorkWithConsents(workId, aliceId, content(1), payTo(alice.addr), none, terms);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.WorkExists.selector, workId));
        registry.registerWorkWithConsents(workId, aliceId, content(2), payTo(alice.addr), none, terms);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.UnknownWork.selector, work(9)));
        registry.workOf(work(9));
    }

    function test_contentAndFingerprintBelongToOneWork() public {
        registerThree(1);
        ICWERegistry.Consent[] memory none = new ICWERegistry.Consent[](1);
        ICWERegistry.Content memory copy = content(2);
        copy.contentId = content(1).contentId;
        vm.startPrank(alice.addr);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.DuplicateContent.selector, copy.contentId, workId));
        registry.registerWorkWithConsents(work(2), aliceId, copy, payTo(alice.addr), none, terms);
        copy = content(2);
        copy.fpId = content(1).fpId;
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.DuplicateFingerprint.selector, copy.fpId, workId));
        registry.registerWorkWithConsents(work(2), aliceId, copy, payTo(alice.addr), none, terms);
        vm.stopPrank();
    }

    function test_regionRuleAndPriceAreChecked() public {
        address payable[] memory payees = new address payable[](1);
        uint96[] memory splits = new uint96[](1);
        (payees[0], splits[0]) = (payable(alice.addr), 1_000_000);
        vm.startPrank(alice.addr);
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.UnknownRegionRule.selector, bytes32("atlantis")));
        registry.registerWork(workId, payees, splits, 1, "atlantis");
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.PriceTooHigh.selector, uint256(1) << 64));
        registry.registerWork(workId, payees, splits, uint256(1) << 64, WORLD);
        registry.registerWork(workId, payees, splits, type(uint64).max, WORLD);
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.UnknownRegionRule.selector, bytes32("atlantis")));
        registry.setTerms(workId, ICWERegistry.Terms(1, "atlantis"));
        vm.stopPrank();
        assertEq(registry.termsAt(workId, 1).pricePerMin, type(uint64).max);
    }

    /* splits */

    function refuseSplits(Payee[] memory payees, bytes memory refused) internal {
        vm.expectRevert(refused);
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(
            workId, aliceId, content(1), payees, new ICWERegistry.Consent[](payees.length), terms
        );
    }

    function test_badSplitsAreRefused() public {
        Payee[] memory payees = threePayees();
        payees[2].share = 199_999;
        refuseSplits(payees, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 999_999));
        payees[2].share = 200_001;
        refuseSplits(payees, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 1_000_001));
        payees[2].share = type(uint96).max;
        refuseSplits(
            payees, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 800_000 + uint256(type(uint96).max))
        );
        payees[2].share = 0;
        refuseSplits(payees, abi.encodeWithSelector(Splits.PayeeInvalid.selector, 2, carol.addr, 0));
        payees = threePayees();
        payees[1].account = payable(address(0));
        refuseSplits(payees, abi.encodeWithSelector(Splits.PayeeInvalid.selector, 1, address(0), 300_000));
        payees[1].account = payees[0].account;
        refuseSplits(payees, abi.encodeWithSelector(Splits.DuplicatePayee.selector, alice.addr));
        refuseSplits(new Payee[](0), abi.encodeWithSelector(Splits.PayeeCountInvalid.selector, 0, 64));
        refuseSplits(new Payee[](65), abi.encodeWithSelector(Splits.PayeeCountInvalid.selector, 65, 64));
    }

    function test_256PayeesAreTooMany() public {
        vm.expectRevert(abi.encodeWithSelector(Splits.PayeeCountInvalid.selector, 256, 64));
        registerSpec(new address payable[](256), new uint96[](256));
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.LengthMismatch.selector, 2, 1));
        registerSpec(new address payable[](2), new uint96[](1));
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.LengthMismatch.selector, 3, 2));
        registerThreeWith(new ICWERegistry.Consent[](2));
    }

    function test_64PayeesFit() public {
        Payee[] memory payees = new Payee[](64);
        for (uint256 i = 0; i < 64; ++i) {
            payees[i] = Payee(payable(address(uint160(1000 + i))), 15_625);
            vm.prank(payees[i].account);
            registry.setConsent(workId, 1, aliceId, 15_625, true);
        }
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(workId, aliceId, content(1), payees, new ICWERegistry.Consent[](64), terms);
        assertEq(registry.payeesAt(workId, 1).length, 64);
    }

    /* consents */

    function test_everyPayeeMustHaveSigned() public {
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        consents[2].signature = "";
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentMissing.selector, carol.addr));
        registerThreeWith(consents);
        consents[2].signature = consents[1].signature;
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentInvalid.selector, carol.addr));
        registerThreeWith(consents);
        consents = threeConsents(workId, 1);
        vm.warp(consents[1].deadline);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentExpired.selector, bob.addr, consents[1].deadline));
        registerThreeWith(consents);
    }

    function test_consentIsForOneVersionOneWorkOneShareAndOneChain() public {
        bytes memory refused = abi.encodeWithSelector(ICWERegistry.ConsentInvalid.selector, bob.addr);
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 2);
        vm.expectRevert(refused);
        registerThreeWith(consents);
        consents = threeConsents(work(2), 1);
        vm.expectRevert(refused);
        registerThreeWith(consents);
        consents = threeConsents(workId, 1);
        consents[1] = consentOf(bob, workId, 1, 300_001);
        vm.expectRevert(refused);
        registerThreeWith(consents);
        consents = threeConsents(workId, 1);
        consents[1].deadline += 1;
        vm.expectRevert(refused);
        registerThreeWith(consents);
        consents = threeConsents(workId, 1);
        vm.chainId(999);
        vm.expectRevert(refused);
        registerThreeWith(consents);
    }

    function test_consentIsNotReplayedForTheNextVersion() public {
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        registerThreeWith(consents);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentInvalid.selector, bob.addr));
        vm.prank(alice.addr);
        registry.addVersion(workId, content(1), threePayees(), consents);
    }

    function test_consentToOneCreatorDoesNotServeAnother() public {
        becomeCreator(carol);
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        bytes32 carolId = creators.creatorOf(carol.addr);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentMissing.selector, alice.addr));
        vm.prank(carol.addr);
        registry.registerWorkWithConsents(workId, carolId, content(1), threePayees(), consents, terms);
        consents[0] = consents[1];
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ConsentInvalid.selector, alice.addr));
        vm.prank(carol.addr);
        registry.registerWorkWithConsents(workId, carolId, content(1), threePayees(), consents, terms);
    }

    function test_contractsConsentByErc1271() public {
        address wallet = address(new ContractWallet(bob.addr));
        ICWERegistry.Consent[] memory consents = new ICWERegistry.Consent[](1);
        consents[0].deadline = uint64(block.timestamp + 1);
        consents[0].signature =
            sign(bob, registry.consentDigest(workId, 1, aliceId, wallet, 1_000_000, consents[0].deadline));
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(workId, aliceId, content(1), payTo(wallet), consents, terms);
        assertEq(registry.payeesAt(workId, 1)[0].account, wallet);
    }

    /* versions and terms */

    function test_versionsApplyFromTheNextEpoch() public {
        registerThree(1);
        vm.startPrank(alice.addr);
        registry.addVersion(workId, content(2), payTo(alice.addr), new ICWERegistry.Consent[](1));
        assertEq(registry.versionAt(workId, 1), 1);
        assertEq(registry.versionAt(workId, 2), 2);
        assertEq(registry.payeesAt(workId, 1).length, 3);
        assertEq(registry.payeesAt(workId, 2).length, 1);
        // A content of its own stays the work's in a further version.
        registry.addVersion(workId, content(1), payTo(alice.addr), new ICWERegistry.Consent[](1));
        vm.stopPrank();
        assertEq(registry.versionAt(workId, 2), 3);
        assertEq(registry.workOf(workId).version, 3);
        assertEq(registry.workWithContent(content(2).contentId), workId);
    }

    function test_contentMayComeWithALaterVersion() public {
        registerFor(1, payable(alice.addr));
        assertEq(registry.contentOf(workId, 1).contentId, 0);
        vm.prank(alice.addr);
        registry.addVersion(workId, content(1), payTo(alice.addr), new ICWERegistry.Consent[](1));
        assertEq(registry.workWithContent(content(1).contentId), workId);
    }

    function test_pricesDoNotChangeInsideAnEpoch() public {
        registerThree(1);
        ICWERegistry.Terms memory dearer = ICWERegistry.Terms(9999, EU);
        vm.expectEmit(address(registry));
        emit ICWERegistry.TermsSet(workId, 2, 9999, EU);
        vm.prank(alice.addr);
        registry.setTerms(workId, dearer);
        assertEq(abi.encode(registry.termsAt(workId, 1)), abi.encode(terms));
        assertEq(abi.encode(registry.termsAt(workId, 2)), abi.encode(dearer));
        endEpoch(1);
        assertEq(abi.encode(registry.termsAt(workId, clock.currentEpoch())), abi.encode(dearer));
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.NotCreator.selector, bob.addr, aliceId));
        vm.prank(bob.addr);
        registry.setTerms(workId, terms);
    }

    /* commitment */

    function test_commitmentHoldsTermsOfEveryEpoch() public {
        uint64 at = uint64(block.timestamp);
        for (uint256 i = 1; i <= 5; ++i) {
            registerFor(i, payable(alice.addr));
            leaves.push(leafOf(work(i), at, 1, terms, terms));
            assertEq(registry.worksRoot(1), CommitmentModel.root(leaves));
        }
        ICWERegistry.Terms memory second = ICWERegistry.Terms(7, EU);
        vm.prank(alice.addr);
        registry.setTerms(work(3), second);
        leaves[2] = leafOf(work(3), at, 2, second, terms);
        bytes32 first = CommitmentModel.root(leaves);
        assertEq(registry.worksRoot(1), first);
        endEpoch(2);
        ICWERegistry.Terms memory third = ICWERegistry.Terms(8, WORLD);
        vm.prank(alice.addr);
        registry.setTerms(work(3), third);
        leaves[2] = leafOf(work(3), at, 4, third, second);
        assertEq(registry.worksRoot(3), CommitmentModel.root(leaves));
        assertEq(registry.worksRoot(2), first);
        assertEq(registry.worksRoot(1), first);
        assertEq(registry.worksRoot(0), 0);
        assertEq(registry.registryCommitment(1), keccak256(abi.encode(first, regions.rowsOf(1))));
    }

    /* status */

    function setStatus(address by, ICWERegistry.Status status) internal {
        vm.prank(by);
        registry.setStatus(workId, status, "why");
    }

    function refuseStatus(address by, ICWERegistry.Status current, ICWERegistry.Status wanted) internal {
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.StatusInvalid.selector, current, wanted));
        setStatus(by, wanted);
    }

    function test_creatorsDeprecateAndGovernanceBlacklists() public {
        registerThree(1);
        setStatus(alice.addr, ICWERegistry.Status.Deprecated);
        setStatus(alice.addr, ICWERegistry.Status.Active);
        refuseStatus(alice.addr, ICWERegistry.Status.Active, ICWERegistry.Status.Active);
        refuseStatus(alice.addr, ICWERegistry.Status.Active, ICWERegistry.Status.None);
        refuseStatus(alice.addr, ICWERegistry.Status.Active, ICWERegistry.Status.Blacklisted);
        vm.expectEmit(address(registry));
        emit ICWERegistry.StatusSet(workId, ICWERegistry.Status.Blacklisted, timelock, "why");
        setStatus(timelock, ICWERegistry.Status.Blacklisted);
        assertEq(registry.workOf(workId).statusBy, timelock);
        assertEq(registry.workOf(workId).statusReason, "why");
        refuseStatus(alice.addr, ICWERegistry.Status.Blacklisted, ICWERegistry.Status.Active);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.WorkBlacklisted.selector, workId));
        vm.prank(alice.addr);
        registry.addVersion(workId, content(2), payTo(alice.addr), new ICWERegistry.Consent[](1));
        setStatus(timelock, ICWERegistry.Status.Active);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.NotCreator.selector, bob.addr, aliceId));
        setStatus(bob.addr, ICWERegistry.Status.Deprecated);
    }
}

/// @notice One tree, and the library's revert made observable.
contract CommitmentTreeUser {
    using CommitmentTree for CommitmentTree.Tree;

    CommitmentTree.Tree internal tree;

    function append(bytes32 leaf) external returns (uint256 index, bytes32 root) {
        return tree.append(leaf);
    }

    function set(uint256 index, bytes32 leaf) external returns (bytes32) {
        return tree.set(index, leaf);
    }

    function setCount(uint256 count) external {
        tree.count = count;
    }
}

contract CommitmentTreeTest is Test {
    CommitmentTreeUser internal user = new CommitmentTreeUser();
    bytes32[] internal leaves;

    function testFuzz_rootIsThatOfTheWholeTree(uint256 seed) public {
        for (uint256 i = 0; i < 12; ++i) {
            leaves.push(keccak256(abi.encode(seed, i)));
            (uint256 index, bytes32 root) = user.append(leaves[i]);
            assertEq(index, i);
            assertEq(root, CommitmentModel.root(leaves));
            uint256 changed = uint256(leaves[i]) % leaves.length;
            leaves[changed] = keccak256(abi.encode(leaves[changed]));
            assertEq(user.set(changed, leaves[changed]), CommitmentModel.root(leaves));
        }
    }

    function test_lastLeafFitsAndNoneAfterIt() public {
        user.setCount(2 ** 24 - 1);
        user.append("last");
        vm.expectRevert(CommitmentTree.CommitmentTreeFull.selector);
        user.append("more");
    }
}

contract SplitsTest is Test {
    function divide(uint256 amount, Payee[] memory payees) external pure returns (uint256[] memory) {
        Splits.requireValid(payees);
        return Splits.divide(amount, payees);
    }

    /// The parts add up to the amount, and each is its share: rounded down, but for the first, who gets the dust.
    function testFuzz_partsAddUpToTheAmount(uint256 amount, uint256 count, uint256 seed) public view {
        count = bound(count, 1, 64);
        Payee[] memory payees = new Payee[](count);
        uint256 rest = 1_000_000;
        for (uint256 i = 0; i < count; ++i) {
            uint256 most = rest - (count - 1 - i);
            uint256 share = i == count - 1 ? rest : bound(uint256(keccak256(abi.encode(seed, i))), 1, most);
            payees[i] = Payee(payable(address(uint160(i + 1))), uint96(share));
            rest -= share;
        }
        uint256[] memory parts = this.divide(amount, payees);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            sum += parts[i];
            uint256 exact =
                (amount / 1_000_000) * payees[i].share + ((amount % 1_000_000) * payees[i].share) / 1_000_000;
            if (i == 0) assertLt(parts[0] - exact, count);
            else assertEq(parts[i], exact);
        }
        assertEq(sum, amount);
    }
}
