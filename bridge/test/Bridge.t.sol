// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IBridge} from "../src/interfaces/IBridge.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./utils/Fixture.sol";
import {TreeModel} from "./utils/TreeModel.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @notice Deposits as a contract does.
contract Depositor {
    function run(IBridge bridge, address to, uint256 amount) external payable {
        (bool ok,) = bridge.cln().call(abi.encodeWithSignature("approve(address,uint256)", bridge, amount));
        require(ok);
        bridge.deposit{value: msg.value}(to, amount, 21_000);
    }

    receive() external payable {}
}

contract BridgeTest is Fixture {
    bytes32[] internal leaves;

    function leafOf(uint64 index, address sender, address recipient, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(index, sender, recipient, amount));
    }

    /// @dev Appends a withdrawal to the model of the L2's tree.
    function withdrawOnL2(address sender, address recipient, uint256 amount) internal returns (uint64 index) {
        index = uint64(leaves.length);
        leaves.push(leafOf(index, sender, recipient, amount));
    }

    function finalizeTree() internal returns (uint64 batchIndex) {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.withdrawalRoot = TreeModel.root(leaves);
        proveOne(commit(c, "data"));
        return tip.batchIndex;
    }

    function claim(uint64 batchIndex, uint64 index, address sender, address recipient, uint256 amount) internal {
        bridge.claimWithdrawal(batchIndex, index, sender, recipient, amount, TreeModel.proof(leaves, index));
    }

    function invalidProof() internal view returns (bytes memory) {
        return abi.encodeWithSelector(IBridge.InvalidWithdrawalProof.selector, TreeModel.root(leaves));
    }

    /* deposits */

    function test_depositLocksAndEnqueuesTheMint() public {
        vm.startPrank(alice, alice);
        cln.approve(address(bridge), 10 ether);
        bytes32 message = keccak256(
            abi.encode(uint64(0), alice, bob, uint128(10 ether), uint128(10 ether), uint64(30_000), keccak256(""))
        );
        bytes32 queueHash = keccak256(abi.encode(bytes32(0), message));
        vm.expectEmit(address(inbox));
        emit IInbox.MessageEnqueued(0, alice, bob, 10 ether, 10 ether, 30_000, "", queueHash);
        vm.expectEmit(address(bridge));
        emit IBridge.DepositInitiated(0, alice, bob, 10 ether);
        assertEq(bridge.deposit(bob, 10 ether, 30_000), 0);
        vm.stopPrank();
        assertEq(cln.balanceOf(address(bridge)), 10 ether);
        assertEq(bridge.escrowed(), 10 ether);
    }

    function test_contractDepositorIsAliased() public {
        Depositor depositor = new Depositor();
        fund(address(depositor), 1 ether);
        address aliased = address(uint160(address(depositor)) + uint160(0x1111000000000000000000000000000000001111));
        vm.expectEmit(true, true, true, false, address(inbox));
        emit IInbox.MessageEnqueued(0, aliased, bob, 1 ether, 1 ether, 21_000, "", 0);
        depositor.run(bridge, bob, 1 ether);
    }

    function test_depositPaysTheMessageFeeAndGetsTheRestBack() public {
        asOwner();
        inbox.setMessageGasPrice(1 gwei);
        Depositor depositor = new Depositor();
        fund(address(depositor), 1 ether);
        depositor.run{value: 1 ether}(bridge, bob, 1 ether);
        assertEq(address(depositor).balance, 1 ether - 21_000 gwei);
        assertEq(address(bridge).balance, 0);
    }

    function test_depositNeedsAnAmountAndARecipient() public {
        vm.expectRevert(abi.encodeWithSelector(IBridge.AmountInvalid.selector, 0));
        bridge.deposit(bob, 0, 21_000);
        uint256 tooMuch = uint256(type(uint128).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(IBridge.AmountInvalid.selector, tooMuch));
        bridge.deposit(bob, tooMuch, 21_000);
        vm.expectRevert(IBridge.ZeroAddress.selector);
        bridge.deposit(address(0), 1, 21_000);
    }

    function test_depositWithoutAllowanceIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(bridge), 0, 1));
        vm.prank(alice, alice);
        bridge.deposit(bob, 1, 21_000);
    }

    function signPermit(uint256 key, address owner, uint256 amount) internal view returns (uint8, bytes32, bytes32) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typeHash, owner, bridge, amount, cln.nonces(owner), block.timestamp + 1));
        return vm.sign(key, keccak256(abi.encodePacked("\x19\x01", cln.DOMAIN_SEPARATOR(), structHash)));
    }

    function test_depositWithPermitNeedsNoApproval() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        fund(signer, 5 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(key, signer, 5 ether);
        vm.prank(signer, signer);
        bridge.depositWithPermit(signer, 5 ether, 21_000, block.timestamp + 1, v, r, s);
        assertEq(bridge.escrowed(), 5 ether);
    }

    function test_frontRunPermitDoesNotBlockTheDeposit() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        fund(signer, 5 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(key, signer, 5 ether);
        vm.prank(bob);
        cln.permit(signer, address(bridge), 5 ether, block.timestamp + 1, v, r, s);
        vm.prank(signer, signer);
        bridge.depositWithPermit(signer, 5 ether, 21_000, block.timestamp + 1, v, r, s);
        assertEq(bridge.escrowed(), 5 ether);
    }

    function test_anotherOnesPermitDepositsNothing() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        fund(signer, 5 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(key, signer, 5 ether);
        vm.expectRevert();
        vm.prank(bob, bob);
        bridge.depositWithPermit(bob, 5 ether, 21_000, block.timestamp + 1, v, r, s);
    }

    /* withdrawals */

    function test_provenWithdrawalIsPaidOnce() public {
        depositAs(alice, alice, 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        uint64 batch = finalizeTree();
        vm.expectEmit(address(bridge));
        emit IBridge.WithdrawalClaimed(index, alice, bob, 30 ether);
        claim(batch, index, alice, bob, 30 ether);
        assertEq(cln.balanceOf(bob), 30 ether);
        assertEq(bridge.escrowed(), 70 ether);
        assertTrue(bridge.isClaimed(index));

        vm.expectRevert(abi.encodeWithSelector(IBridge.AlreadyClaimed.selector, index));
        claim(batch, index, alice, bob, 30 ether);
    }

    function test_withdrawalIsPaidOnceEvenByALaterRoot() public {
        depositAs(alice, alice, 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        uint64 batch = finalizeTree();
        claim(batch, index, alice, bob, 30 ether);
        withdrawOnL2(alice, bob, 1 ether);
        batch = finalizeTree();
        vm.expectRevert(abi.encodeWithSelector(IBridge.AlreadyClaimed.selector, index));
        claim(batch, index, alice, bob, 30 ether);
        claim(batch, 1, alice, bob, 1 ether);
    }

    function test_committedButUnprovenWithdrawalIsNotPaid() public {
        depositAs(alice, alice, 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        c.withdrawalRoot = TreeModel.root(leaves);
        commit(c, "data");
        vm.expectRevert(abi.encodeWithSelector(IBridge.BatchNotFinalized.selector, 1));
        claim(1, index, alice, bob, 30 ether);
    }

    function testFuzz_everyPartOfAWithdrawalIsBound(uint8 what, uint256 noise) public {
        depositAs(alice, alice, 100 ether);
        withdrawOnL2(bob, alice, 1 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        uint64 batch = finalizeTree();
        bytes32[32] memory proof = TreeModel.proof(leaves, index);
        what = uint8(bound(what, 0, 4));
        (uint64 i, address from, address to, uint256 amount) = (index, alice, bob, 30 ether);
        if (what == 0) i = uint64(noise) == index ? 0 : uint64(noise);
        if (what == 1) from = address(uint160(noise));
        if (what == 2) to = address(uint160(noise));
        if (what == 3) amount = noise == 30 ether ? 0 : noise;
        if (what == 4) proof[noise % 32] = keccak256(abi.encode(noise));
        vm.assume(from != alice || what != 1);
        vm.assume(to != bob || what != 2);
        vm.expectRevert(invalidProof());
        bridge.claimWithdrawal(batch, i, from, to, amount, proof);
    }

    /// The leaf number is 64 bits wide, the tree has 2³² leaves: the same leaf must have one number.
    function test_leafNumberBeyondTheTreeIsNoSecondName() public {
        depositAs(alice, alice, 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        uint64 batch = finalizeTree();
        bytes32[32] memory proof = TreeModel.proof(leaves, index);
        claim(batch, index, alice, bob, 30 ether);
        vm.expectRevert(invalidProof());
        bridge.claimWithdrawal(batch, index + 2 ** 32, alice, bob, 30 ether, proof);
    }

    function test_innerNodeIsNoLeaf() public {
        depositAs(alice, alice, 100 ether);
        for (uint256 i = 0; i < 4; ++i) {
            withdrawOnL2(alice, bob, 1 ether);
        }
        uint64 batch = finalizeTree();
        bytes32[32] memory proof = TreeModel.proof(leaves, 0);
        for (uint256 i = 0; i < 31; ++i) {
            proof[i] = proof[i + 1];
        }
        vm.expectRevert(invalidProof());
        bridge.claimWithdrawal(batch, 0, alice, bob, 1 ether, proof);
    }

    function test_escrowIsTheLimitWhateverIsProven() public {
        depositAs(alice, alice, 10 ether);
        fund(address(bridge), 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 11 ether);
        uint64 batch = finalizeTree();
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        claim(batch, index, alice, bob, 11 ether);
    }

    function testFuzz_treeOfAnySizeProvesAllItsLeaves(uint8 count) public {
        count = uint8(bound(count, 1, 20));
        depositAs(alice, alice, 1000 ether);
        for (uint256 i = 0; i < count; ++i) {
            withdrawOnL2(alice, bob, i + 1);
        }
        uint64 batch = finalizeTree();
        for (uint64 i = 0; i < count; ++i) {
            claim(batch, i, alice, bob, i + 1);
        }
        assertEq(cln.balanceOf(bob), uint256(count) * (count + 1) / 2);
    }

    function test_pauseHoldsMoneyForItsTimeOnly() public {
        depositAs(alice, alice, 100 ether);
        uint64 index = withdrawOnL2(alice, bob, 30 ether);
        uint64 batch = finalizeTree();
        uint64 until = uint64(block.timestamp) + 7 days;
        vm.prank(guardian);
        rollup.pause();
        bytes32[32] memory proof = TreeModel.proof(leaves, index);
        vm.expectRevert(abi.encodeWithSelector(IBridge.IsPaused.selector, until));
        bridge.claimWithdrawal(batch, index, alice, bob, 30 ether, proof);
        vm.expectRevert(abi.encodeWithSelector(IBridge.IsPaused.selector, until));
        vm.prank(alice);
        bridge.deposit(bob, 1, 21_000);
        vm.warp(until);
        claim(batch, index, alice, bob, 30 ether);
    }
}
