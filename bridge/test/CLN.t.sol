// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICLN} from "../src/interfaces/ICLN.sol";
import {Fixture} from "./utils/Fixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

contract CLNTest is Fixture {
    bytes32 internal constant TRANSFER_TYPE = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 internal constant RECEIVE_TYPE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 internal constant CANCEL_TYPE = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
    bytes32 internal constant NONCE = keccak256("any random nonce");

    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    address internal signer;
    uint256 internal key;
    uint256 internal start;
    uint256 internal end;

    function setUp() public override {
        super.setUp();
        (signer, key) = makeAddrAndKey("signer");
        fund(signer, 10 ether);
        start = block.timestamp;
        end = start + 100;
        vm.warp(start + 1);
    }

    function sign(bytes memory structure) internal view returns (Signature memory signature) {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", cln.DOMAIN_SEPARATOR(), keccak256(structure)));
        (signature.v, signature.r, signature.s) = vm.sign(key, digest);
    }

    function transferStructure(bytes32 typeHash) internal view returns (bytes memory) {
        return abi.encode(typeHash, signer, bob, 3 ether, start, end, NONCE);
    }

    function transferSigned(Signature memory s) internal {
        cln.transferWithAuthorization(signer, bob, 3 ether, start, end, NONCE, s.v, s.r, s.s);
    }

    /* supply */

    function test_isOnePlainUnit() public view {
        assertEq(cln.name(), "CWE Credits");
        assertEq(cln.symbol(), "CLN");
        assertEq(cln.decimals(), 18);
    }

    function test_mintStaysWithinTheReserve() public {
        uint256 supply = cln.totalSupply();
        vm.prank(attester);
        cln.attestReserve(supply + 5 ether, uint64(block.timestamp + 1 days));
        vm.startPrank(minter);
        cln.mint(bob, 5 ether);
        vm.expectRevert(abi.encodeWithSelector(ICLN.ReserveExceeded.selector, supply + 5 ether + 1, supply + 5 ether));
        cln.mint(bob, 1);
        vm.stopPrank();
    }

    function test_staleAttestationMintsNothing() public {
        uint64 expiry = cln.attestationExpiresAt();
        vm.warp(expiry);
        vm.expectRevert(abi.encodeWithSelector(ICLN.AttestationExpired.selector, expiry));
        vm.prank(minter);
        cln.mint(bob, 0);
    }

    function test_attestationIsForALimitedTime() public {
        vm.startPrank(attester);
        vm.expectRevert(abi.encodeWithSelector(ICLN.ExpiryInvalid.selector, uint64(block.timestamp)));
        cln.attestReserve(1, uint64(block.timestamp));
        uint64 tooLate = uint64(block.timestamp + 31 days + 1);
        vm.expectRevert(abi.encodeWithSelector(ICLN.ExpiryInvalid.selector, tooLate));
        cln.attestReserve(1, tooLate);
        vm.expectEmit(address(cln));
        emit ICLN.ReserveAttested(1, tooLate - 1);
        cln.attestReserve(1, tooLate - 1);
        vm.stopPrank();
        assertEq(cln.attestedReserve(), 1);
    }

    function test_loweredReserveStopsMintingAndTouchesNobody() public {
        uint256 supply = cln.totalSupply();
        vm.prank(attester);
        cln.attestReserve(1 ether, uint64(block.timestamp + 1 days));
        vm.expectRevert(abi.encodeWithSelector(ICLN.ReserveExceeded.selector, supply + 1, 1 ether));
        vm.prank(minter);
        cln.mint(bob, 1);
        vm.prank(signer);
        assertTrue(cln.transfer(bob, 10 ether));
    }

    function test_attestingAndMintingAreSeparateRoles() public {
        bytes32 attesterRole = cln.ATTESTER_ROLE();
        bytes32 minterRole = cln.MINTER_ROLE();
        bytes4 unauthorized = IAccessControl.AccessControlUnauthorizedAccount.selector;
        vm.expectRevert(abi.encodeWithSelector(unauthorized, minter, attesterRole));
        vm.prank(minter);
        cln.attestReserve(1, uint64(block.timestamp + 1));
        vm.expectRevert(abi.encodeWithSelector(unauthorized, attester, minterRole));
        vm.prank(attester);
        cln.mint(bob, 1);
        assertTrue(cln.hasRole(cln.DEFAULT_ADMIN_ROLE(), address(timelock)));
        assertFalse(cln.hasRole(cln.DEFAULT_ADMIN_ROLE(), address(this)));
    }

    function test_holdersBurnTheirOwn() public {
        uint256 supply = cln.totalSupply();
        vm.prank(signer);
        cln.burn(4 ether);
        assertEq(cln.totalSupply(), supply - 4 ether);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(this), 0, 1));
        cln.burnFrom(signer, 1);
    }

    /* EIP-3009 */

    function test_signedTransferCanBeSentByAnybodyOnce() public {
        Signature memory s = sign(transferStructure(TRANSFER_TYPE));
        transferSigned(s);
        assertEq(cln.balanceOf(bob), 3 ether);
        assertTrue(cln.authorizationState(signer, NONCE));
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, signer, NONCE));
        transferSigned(s);
    }

    function test_signedTransferBindsItsFields() public {
        Signature memory s = sign(transferStructure(TRANSFER_TYPE));
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        cln.transferWithAuthorization(signer, alice, 3 ether, start, end, NONCE, s.v, s.r, s.s);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        cln.transferWithAuthorization(signer, bob, 4 ether, start, end, NONCE, s.v, s.r, s.s);
    }

    function test_signedTransferHasItsTime() public {
        Signature memory s = sign(transferStructure(TRANSFER_TYPE));
        vm.warp(start);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, start, end));
        transferSigned(s);
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, start, end));
        transferSigned(s);
    }

    function test_receiveIsForTheRecipientOnly() public {
        Signature memory s = sign(transferStructure(RECEIVE_TYPE));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, bob));
        vm.prank(alice);
        cln.receiveWithAuthorization(signer, bob, 3 ether, start, end, NONCE, s.v, s.r, s.s);
        vm.prank(bob);
        cln.receiveWithAuthorization(signer, bob, 3 ether, start, end, NONCE, s.v, s.r, s.s);
        assertEq(cln.balanceOf(bob), 3 ether);
    }

    function test_cancelledTransferIsDead() public {
        Signature memory cancel = sign(abi.encode(CANCEL_TYPE, signer, NONCE));
        cln.cancelAuthorization(signer, NONCE, cancel.v, cancel.r, cancel.s);
        Signature memory s = sign(transferStructure(TRANSFER_TYPE));
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, signer, NONCE));
        transferSigned(s);
    }
}
