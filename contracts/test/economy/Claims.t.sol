// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {WorkRegistry} from "../../src/works/WorkRegistry.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice Announcements: nobody takes a content or a fingerprint from the creator who is about to register it.
contract ClaimsTest is EconomyFixture {
    /// @dev An active creator who watches pending transactions.
    Vm.Wallet internal mallory;
    bytes32 internal malloryId;

    function setUp() public override {
        super.setUp();
        mallory = vm.createWallet("mallory");
        malloryId = becomeCreator(mallory);
    }

    function claimOf(bytes32 creatorId, uint256 number) internal view returns (bytes32) {
        return registry.claimOf(creatorId, content(number));
    }

    function register(Vm.Wallet memory by, bytes32 workId, ICWERegistry.Content memory shown) internal {
        Payee[] memory payees = new Payee[](1);
        payees[0] = Payee(payable(by.addr), 1_000_000);
        bytes32 creatorId = by.addr == alice.addr ? aliceId : malloryId;
        vm.prank(by.addr);
        registry.registerWorkWithConsents(
            workId, creatorId, shown, payees, new ICWERegistry.Consent[](1), ICWERegistry.Terms(1200, WORLD)
        );
    }

    function addVersion(bytes32 workId, ICWERegistry.Content memory shown) internal {
        Payee[] memory payees = new Payee[](1);
        payees[0] = Payee(payable(alice.addr), 1_000_000);
        vm.prank(alice.addr);
        registry.addVersion(workId, shown, payees, new ICWERegistry.Consent[](1));
    }

    function expectNotAnnounced(bytes32 creatorId, ICWERegistry.Content memory shown) internal {
        bytes32 claim = registry.claimOf(creatorId, shown);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ClaimNotAnnounced.selector, claim));
    }

    /// The attack: Alice's registration is pending, Mallory reads it and gets in front of it.
    function test_whoReadsARegistrationIsTooLateToTakeItsContent() public {
        announce(aliceId, content(1));
        expectNotAnnounced(malloryId, content(1));
        register(mallory, work(2), content(1));
        registry.announce(claimOf(malloryId, 1));
        uint256 countsAt = block.timestamp + CLAIM_DELAY;
        bytes memory tooRecent =
            abi.encodeWithSelector(ICWERegistry.ClaimTooRecent.selector, claimOf(malloryId, 1), countsAt);
        vm.expectRevert(tooRecent);
        register(mallory, work(2), content(1));
        vm.warp(countsAt - 1);
        vm.expectRevert(tooRecent);
        register(mallory, work(2), content(1));

        register(alice, work(1), content(1));
        vm.warp(countsAt);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.DuplicateContent.selector, content(1).contentId, work(1)));
        register(mallory, work(2), content(1));
    }

    /// The same attack on a fingerprint alone, with an encryption, hence a content id, of Mallory's own.
    function test_whoReadsARegistrationIsTooLateToTakeItsFingerprint() public {
        announce(aliceId, content(1));
        ICWERegistry.Content memory stolen = content(2);
        stolen.fpId = content(1).fpId;
        announce(malloryId, content(2));
        expectNotAnnounced(malloryId, stolen);
        register(mallory, work(2), stolen);
        register(alice, work(1), content(1));
    }

    function test_aCopiedAnnouncementServesItsCreatorOnly() public {
        vm.prank(mallory.addr);
        registry.announce(claimOf(aliceId, 1));
        skip(CLAIM_DELAY);
        expectNotAnnounced(malloryId, content(1));
        register(mallory, work(2), content(1));
        register(alice, work(1), content(1));
    }

    function test_announcingAgainDoesNotStartTheDelayAgain() public {
        vm.expectEmit(address(registry));
        emit ICWERegistry.ClaimAnnounced(claimOf(aliceId, 1));
        registry.announce(claimOf(aliceId, 1));
        uint256 at = block.timestamp;
        skip(CLAIM_DELAY);
        vm.recordLogs();
        vm.prank(mallory.addr);
        registry.announce(claimOf(aliceId, 1));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(registry.announcedAt(claimOf(aliceId, 1)), at);
        register(alice, work(1), content(1));
        assertEq(registry.announcedAt(claimOf(aliceId, 1)), 0, "used once");
    }

    function test_anAnnouncementIsForExactlyItsContent() public {
        announce(aliceId, content(1));
        for (uint256 i = 0; i < 5; ++i) {
            ICWERegistry.Content memory other = content(1);
            if (i == 0) other.contentId = "other";
            if (i == 1) other.manifestId = "other";
            if (i == 2) other.fpId = "other";
            if (i == 3) other.fpHash = "other";
            if (i == 4) other.accessClasses = 1;
            expectNotAnnounced(aliceId, other);
            register(alice, work(1), other);
        }
        bytes32 here = claimOf(aliceId, 1);
        vm.chainId(999);
        assertTrue(claimOf(aliceId, 1) != here, "for this chain only");
    }

    /// Mallory can only make Alice choose another number.
    function test_aTakenWorkIdCostsNoAnnouncement() public {
        announce(aliceId, content(1));
        ICWERegistry.Content memory none;
        register(mallory, work(1), none);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.WorkExists.selector, work(1)));
        register(alice, work(1), content(1));
        register(alice, work(2), content(1));
    }

    function test_onlyWhatIsNewToTheWorkIsAnnounced() public {
        ICWERegistry.Content memory shown;
        register(alice, work(1), shown);
        shown.manifestId = "manifest";
        addVersion(work(1), shown);

        shown.contentId = "content";
        expectNotAnnounced(aliceId, shown);
        addVersion(work(1), shown);
        announce(aliceId, shown);
        addVersion(work(1), shown);
        addVersion(work(1), shown);

        shown.fpId = "fingerprint";
        expectNotAnnounced(aliceId, shown);
        addVersion(work(1), shown);
        announce(aliceId, shown);
        addVersion(work(1), shown);
        shown.fpHash = "better descriptor";
        addVersion(work(1), shown);
        assertEq(registry.workWithContent("content"), work(1));
        assertEq(registry.workWithFingerprint("fingerprint"), work(1));
    }

    function test_theDelayIsBounded() public {
        assertEq(registry.claimDelaySecs(), CLAIM_DELAY);
        address code = address(new WorkRegistry());
        address x = address(1);
        uint64[3] memory bad = [uint64(0), 7 days + 1, type(uint64).max];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWERegistry.ClaimDelayInvalid.selector, bad[i], 7 days));
            new ERC1967Proxy(code, abi.encodeCall(WorkRegistry.initialize, (x, x, x, x, x, bad[i])));
        }
        new ERC1967Proxy(code, abi.encodeCall(WorkRegistry.initialize, (x, x, x, x, x, 7 days)));
    }
}
