// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEIdentity} from "../../src/interfaces/ICWEIdentity.sol";
import {ICreatorRegistry} from "../../src/interfaces/ICreatorRegistry.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {ContractWallet} from "../mocks/ContractWallet.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {Vm} from "forge-std/Test.sol";

contract IdentityTest is EconomyFixture {
    ICWEIdentity.Class internal constant PERSON = ICWEIdentity.Class.Person;
    Vm.Wallet internal authority;

    function setUp() public override {
        super.setUp();
        authority = vm.createWallet("authority");
        setIssuer(authority.addr, 0x02);
    }

    function setIssuer(address account, uint8 classes) internal {
        asOwner();
        identity.setIssuer(account, classes);
    }

    function signedBy(address issuer_) internal view returns (ICWEIdentity.Issuance memory paper) {
        paper = issuance(bob.addr, PERSON);
        paper.issuer = issuer_;
    }

    function setState(address by, ICWEIdentity.State state) internal {
        vm.prank(by);
        identity.setState(bob.addr, PERSON, state);
    }

    /* issuance */

    function test_anybodyRelaysAnIssuersSignature() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        vm.expectEmit(address(identity));
        emit ICWEIdentity.CredentialIssued(bob.addr, PERSON, authority.addr, paper.commitment, paper.expiresAt);
        identity.issue(paper, sign(authority, identity.issuanceDigest(paper)));
        assertTrue(identity.isActive(bob.addr, PERSON));
        assertFalse(identity.isActive(bob.addr, ICWEIdentity.Class.Creator));
        assertEq(identity.credentialOf(bob.addr, PERSON).commitment, paper.commitment);
    }

    function test_contractsIssueByErc1271() public {
        address wallet = address(new ContractWallet(authority.addr));
        setIssuer(wallet, 0x02);
        ICWEIdentity.Issuance memory paper = signedBy(wallet);
        identity.issue(paper, sign(authority, identity.issuanceDigest(paper)));
        assertTrue(identity.isActive(bob.addr, PERSON));
    }

    function test_forgedSignaturesAreRefused() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        bytes memory signature = sign(bob, identity.issuanceDigest(paper));
        bytes memory refused = abi.encodeWithSelector(ICWEIdentity.SignatureInvalid.selector, authority.addr);
        vm.expectRevert(refused);
        identity.issue(paper, signature);
        vm.expectRevert(refused);
        identity.issue(paper, "");
        signature = sign(authority, identity.issuanceDigest(paper));
        paper.subject = carol.addr;
        vm.expectRevert(refused);
        identity.issue(paper, signature);
    }

    function test_signaturesOfAnotherChainAreRefused() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        bytes memory signature = sign(authority, identity.issuanceDigest(paper));
        vm.chainId(999);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.SignatureInvalid.selector, authority.addr));
        identity.issue(paper, signature);
    }

    function test_anIssuanceIsUsedOnce() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        bytes memory signature = sign(authority, identity.issuanceDigest(paper));
        identity.issue(paper, signature);
        setState(authority.addr, ICWEIdentity.State.Revoked);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.CommitmentInvalid.selector, paper.commitment));
        identity.issue(paper, signature);
        paper.commitment = 0;
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.CommitmentInvalid.selector, 0));
        identity.issue(paper, signature);
    }

    function test_expiredPapersAreRefused() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        vm.warp(paper.deadline);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.Expired.selector, paper.deadline));
        identity.issue(paper, "");
        paper = signedBy(authority.addr);
        paper.expiresAt = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.Expired.selector, paper.expiresAt));
        identity.issue(paper, "");
    }

    function test_issuersIssueTheirClassesOnly() public {
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        paper.class = ICWEIdentity.Class.Auditor;
        vm.startPrank(authority.addr);
        vm.expectRevert(
            abi.encodeWithSelector(ICWEIdentity.NotIssuer.selector, authority.addr, ICWEIdentity.Class.Auditor)
        );
        identity.issue(paper, "");
        paper.class = ICWEIdentity.Class.Issuer;
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.ClassNotIssuable.selector, ICWEIdentity.Class.Issuer));
        identity.issue(paper, "");
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.ClassNotIssuable.selector, ICWEIdentity.Class.Issuer));
        identity.request(ICWEIdentity.Class.Issuer, "x");
        paper = signedBy(authority.addr);
        paper.subject = address(0);
        vm.expectRevert(Governed.ZeroAddress.selector);
        identity.issue(paper, "");
        vm.stopPrank();
    }

    function test_oneCredentialOfAClass() public {
        grant(bob.addr, PERSON);
        ICWEIdentity.Issuance memory paper = signedBy(authority.addr);
        paper.commitment = "another";
        bytes memory refused = abi.encodeWithSelector(ICWEIdentity.CredentialExists.selector, bob.addr, PERSON);
        vm.expectRevert(refused);
        vm.prank(authority.addr);
        identity.issue(paper, "");
        // Nor does a new one undo a suspension.
        setState(issuer, ICWEIdentity.State.Suspended);
        vm.expectRevert(refused);
        vm.prank(authority.addr);
        identity.issue(paper, "");
        vm.expectRevert(refused);
        vm.prank(bob.addr);
        identity.request(PERSON, "x");
        setState(issuer, ICWEIdentity.State.Revoked);
        vm.prank(authority.addr);
        identity.issue(paper, "");
        assertTrue(identity.isActive(bob.addr, PERSON));
    }

    function test_requestIsPendingUntilIssued() public {
        vm.startPrank(bob.addr);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.CommitmentInvalid.selector, 0));
        identity.request(PERSON, 0);
        identity.request(PERSON, "first");
        identity.request(PERSON, "mine");
        vm.stopPrank();
        assertEq(uint8(identity.credentialOf(bob.addr, PERSON).state), uint8(ICWEIdentity.State.Pending));
        assertFalse(identity.isActive(bob.addr, PERSON));
        grant(bob.addr, PERSON);
        assertTrue(identity.isActive(bob.addr, PERSON));
        bytes32 used = identity.credentialOf(bob.addr, PERSON).commitment;
        vm.prank(carol.addr);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.CommitmentInvalid.selector, used));
        identity.request(PERSON, used);
    }

    /* states */

    function test_credentialsEnd() public {
        grant(bob.addr, PERSON);
        setState(issuer, ICWEIdentity.State.Suspended);
        assertFalse(identity.isActive(bob.addr, PERSON));
        setState(timelock, ICWEIdentity.State.Active);
        assertTrue(identity.isActive(bob.addr, PERSON));
        vm.warp(identity.credentialOf(bob.addr, PERSON).expiresAt);
        assertFalse(identity.isActive(bob.addr, PERSON));
        setState(timelock, ICWEIdentity.State.Revoked);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICWEIdentity.StateInvalid.selector, ICWEIdentity.State.Revoked, ICWEIdentity.State.Active
            )
        );
        setState(timelock, ICWEIdentity.State.Active);
    }

    function test_suspendedCanBeRevokedAndActiveNotReinstated() public {
        grant(bob.addr, PERSON);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICWEIdentity.StateInvalid.selector, ICWEIdentity.State.Active, ICWEIdentity.State.Active
            )
        );
        setState(timelock, ICWEIdentity.State.Active);
        setState(issuer, ICWEIdentity.State.Suspended);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICWEIdentity.StateInvalid.selector, ICWEIdentity.State.Suspended, ICWEIdentity.State.Pending
            )
        );
        setState(timelock, ICWEIdentity.State.Pending);
        setState(issuer, ICWEIdentity.State.Revoked);
    }

    function test_onlyIssuerAndGovernanceChangeStates() public {
        grant(bob.addr, PERSON);
        address[3] memory others = [bob.addr, authority.addr, listener];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.NotInCharge.selector, others[i]));
            setState(others[i], ICWEIdentity.State.Suspended);
        }
        setIssuer(issuer, 0);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.NotInCharge.selector, issuer));
        setState(issuer, ICWEIdentity.State.Suspended);
    }

    function test_removingAnIssuerEndsWhatItIssued() public {
        grant(bob.addr, PERSON);
        assertTrue(identity.isActive(issuer, ICWEIdentity.Class.Issuer));
        setIssuer(issuer, 0);
        assertFalse(identity.isActive(issuer, ICWEIdentity.Class.Issuer));
        assertFalse(identity.isActive(bob.addr, PERSON));
        // Coming back does not bring old credentials back.
        setIssuer(issuer, 0x0f);
        assertFalse(identity.isActive(bob.addr, PERSON));
        assertEq(identity.classesOf(issuer), 0x0f);
        assertEq(identity.generationOf(issuer, PERSON), 1);
        vm.warp(block.timestamp + 1);
        grant(bob.addr, PERSON);
        assertTrue(identity.isActive(bob.addr, PERSON));
    }

    function test_takingAClassEndsThatClassOnly() public {
        grant(bob.addr, PERSON);
        grant(bob.addr, ICWEIdentity.Class.Auditor);
        setIssuer(issuer, 0x0f & ~uint8(0x02));
        assertFalse(identity.isActive(bob.addr, PERSON));
        assertTrue(identity.isActive(bob.addr, ICWEIdentity.Class.Auditor));
        setIssuer(issuer, 0x0f);
        assertFalse(identity.isActive(bob.addr, PERSON));
        assertTrue(identity.isActive(bob.addr, ICWEIdentity.Class.Auditor));
    }

    function test_onlyGovernanceMakesIssuers() public {
        vm.expectRevert(notOwner(bob.addr));
        vm.prank(bob.addr);
        identity.setIssuer(bob.addr, 1);
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(ICWEIdentity.ClassesInvalid.selector, 0x10));
        identity.setIssuer(bob.addr, 0x10);
        vm.expectRevert(Governed.ZeroAddress.selector);
        identity.setIssuer(address(0), 1);
        vm.stopPrank();
    }
}

contract CreatorRegistryTest is EconomyFixture {
    bytes32 internal constant DELEGATE_TYPEHASH =
        keccak256("SetDelegate(bytes32 creatorId,address delegate,uint32 roles,uint256 nonce,uint64 deadline)");
    bytes32 internal constant METADATA_TYPEHASH =
        keccak256("AddMetadata(bytes32 creatorId,bytes32 metadata,uint256 nonce,uint64 deadline)");

    /// @dev EIP-712 by hand, so that it is not the contract that tells the test what to sign.
    function digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("CWECreatorRegistry"),
                keccak256("1"),
                block.chainid,
                address(creators)
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function delegateSignature(Vm.Wallet memory by, uint32 roles, uint256 nonce, uint64 deadline)
        internal
        view
        returns (bytes memory)
    {
        bytes32 hash = keccak256(abi.encode(DELEGATE_TYPEHASH, aliceId, carol.addr, roles, nonce, deadline));
        return sign(by, digest(hash));
    }

    function test_creatorIdIsTheHashOfThePublicKey() public view {
        assertEq(aliceId, keccak256(abi.encode(alice.publicKeyX, alice.publicKeyY)));
        assertEq(creators.keyOf(aliceId), alice.addr);
        assertEq(creators.creatorOf(alice.addr), aliceId);
        assertEq(creators.creatorOf(bob.addr), 0);
    }

    function test_registrationIsRelayedWithTheKeysSignature() public {
        (bytes32 x, bytes32 y) = (bytes32(bob.publicKeyX), bytes32(bob.publicKeyY));
        bytes32 hash =
            keccak256(abi.encode(keccak256("Register(bytes32 x,bytes32 y,bytes32 metadata)"), x, y, bytes32("m")));
        bytes memory signature = sign(bob, digest(hash));
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.SignatureInvalid.selector, bob.addr));
        creators.register(x, y, "other metadata", signature);
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.SignatureInvalid.selector, bob.addr));
        creators.register(x, y, "m", "short");
        bytes32 creatorId = creators.register(x, y, "m", signature);
        assertEq(creators.metadataOf(creatorId)[0], "m");
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.CreatorExists.selector, creatorId));
        creators.register(x, y, "m", signature);
    }

    function test_metadataIsAppendOnly() public {
        vm.prank(alice.addr);
        creators.addMetadata(aliceId, "second", 0, "");
        uint64 deadline = uint64(block.timestamp + 1);
        bytes32 hash = keccak256(abi.encode(METADATA_TYPEHASH, aliceId, bytes32("third"), 0, deadline));
        vm.expectEmit(address(creators));
        emit ICreatorRegistry.MetadataAdded(aliceId, 2, "third");
        creators.addMetadata(aliceId, "third", deadline, sign(alice, digest(hash)));
        bytes32[] memory all = creators.metadataOf(aliceId);
        assertEq(all.length, 3);
        assertEq(all[0], "metadata");
        assertEq(all[1], "second");
        assertEq(creators.nonceOf(aliceId), 1);
    }

    function test_delegatesActInTheirRolesOnly() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        creators.setDelegate(aliceId, carol.addr, 5, deadline, delegateSignature(alice, 5, 0, deadline));
        assertEq(creators.rolesOf(aliceId, carol.addr), 5);
        assertTrue(creators.mayAct(aliceId, carol.addr, 1));
        assertTrue(creators.mayAct(aliceId, carol.addr, 5));
        assertFalse(creators.mayAct(aliceId, carol.addr, 2));
        assertFalse(creators.mayAct(aliceId, carol.addr, 3));
        assertFalse(creators.mayAct(aliceId, carol.addr, 0));
        assertTrue(creators.mayAct(aliceId, alice.addr, 7));
        assertFalse(creators.mayAct(aliceId, bob.addr, 1));
        assertFalse(creators.mayAct("unknown", alice.addr, 1));
        assertFalse(creators.mayAct(0, address(0), 1));
        vm.prank(alice.addr);
        creators.setDelegate(aliceId, carol.addr, 0, 0, "");
        assertFalse(creators.mayAct(aliceId, carol.addr, 1));
    }

    function test_delegationsAreNotReplayed() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes memory signature = delegateSignature(alice, 1, 0, deadline);
        creators.setDelegate(aliceId, carol.addr, 1, deadline, signature);
        vm.prank(alice.addr);
        creators.setDelegate(aliceId, carol.addr, 0, 0, "");
        bytes memory refused = abi.encodeWithSelector(ICreatorRegistry.SignatureInvalid.selector, alice.addr);
        vm.expectRevert(refused);
        creators.setDelegate(aliceId, carol.addr, 1, deadline, signature);
        signature = delegateSignature(bob, 1, 1, deadline);
        vm.expectRevert(refused);
        creators.setDelegate(aliceId, carol.addr, 1, deadline, signature);
        signature = delegateSignature(alice, 1, 1, deadline);
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.Expired.selector, deadline));
        creators.setDelegate(aliceId, carol.addr, 1, deadline, signature);
    }

    function test_badDelegationsAreRefused() public {
        vm.startPrank(alice.addr);
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.RolesInvalid.selector, 8));
        creators.setDelegate(aliceId, carol.addr, 8, 0, "");
        vm.expectRevert(Governed.ZeroAddress.selector);
        creators.setDelegate(aliceId, address(0), 1, 0, "");
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.UnknownCreator.selector, bytes32("nobody")));
        creators.setDelegate("nobody", carol.addr, 1, 0, "");
        vm.expectRevert(abi.encodeWithSelector(ICreatorRegistry.UnknownCreator.selector, bytes32(0)));
        creators.keyOf(0);
        vm.stopPrank();
    }
}
