// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry} from "../../src/interfaces/ICWERegistry.sol";
import {IDirectSale} from "../../src/interfaces/IDirectSale.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {Vm} from "forge-std/Test.sol";

contract DirectSaleTest is EconomyFixture {
    bytes32 internal workId;

    function setUp() public override {
        super.setUp();
        workId = registerThree(1);
    }

    function edition(uint32 size) internal view returns (IDirectSale.Offer memory) {
        return IDirectSale.Offer({
            workId: workId,
            contentHash: "hash",
            price: 1000,
            size: size,
            deadline: uint64(block.timestamp + 1 days),
            salt: 0
        });
    }

    function buySignedBy(Vm.Wallet memory signer, IDirectSale.Offer memory offer) internal returns (uint256) {
        bytes memory signature = sign(signer, directSale.offerIdOf(offer));
        return buy(offer, signer.addr, signature, offer.price);
    }

    function buy(IDirectSale.Offer memory offer, address signer, bytes memory signature, uint256 paid)
        internal
        returns (uint256)
    {
        vm.prank(listener);
        return directSale.buy{value: paid}(offer, signer, signature, carol.addr);
    }

    function test_editionsAreNumberedAndEnd() public {
        IDirectSale.Offer memory offer = edition(2);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        bytes32 offerId = directSale.offerIdOf(offer);
        vm.expectEmit(address(directSale));
        emit IDirectSale.Sold(workId, 1, carol.addr, listener, offerId, 1, 1000);
        assertEq(buy(offer, alice.addr, signature, 1000), 1);
        assertEq(buy(offer, alice.addr, signature, 1000), 2);
        assertEq(directSale.ownerOf(2), carol.addr);
        IDirectSale.Copy memory copy = directSale.copyOf(2);
        assertEq(copy.number, 2);
        assertEq(copy.size, 2);
        assertEq(copy.contentHash, "hash");
        assertEq(copy.offerId, offerId);
        assertEq(directSale.soldOf(offerId), 2);
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.SoldOut.selector, offerId, 2));
        buy(offer, alice.addr, signature, 1000);
    }

    function test_pricePaysThePayees() public {
        buySignedBy(alice, edition(1));
        assertEq(splitPay.owed(alice.addr), 500);
        assertEq(splitPay.owed(bob.addr), 300);
        assertEq(splitPay.owed(carol.addr), 200);
        assertEq(address(directSale).balance, 0);
    }

    function test_worksAreSoldUnnumbered() public {
        IDirectSale.Offer memory offer = edition(0);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        for (uint256 i = 1; i <= 3; ++i) {
            uint256 tokenId = buy(offer, alice.addr, signature, 1000);
            assertEq(directSale.copyOf(tokenId).number, 0);
        }
        assertEq(directSale.balanceOf(carol.addr), 3);
        vm.prank(carol.addr);
        directSale.transferFrom(carol.addr, bob.addr, 1);
        assertEq(directSale.ownerOf(1), bob.addr);
    }

    function test_onlyTheCreatorsSignatureSells() public {
        IDirectSale.Offer memory offer = edition(1);
        bytes memory signature = sign(bob, directSale.offerIdOf(offer));
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.SignerInvalid.selector, bob.addr, workId));
        buy(offer, bob.addr, signature, 1000);
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.SignerInvalid.selector, alice.addr, workId));
        buy(offer, alice.addr, signature, 1000);
        vm.prank(alice.addr);
        creators.setDelegate(aliceId, bob.addr, 4, 0, "");
        buySignedBy(bob, offer);
    }

    function test_offersCannotBeChanged() public {
        IDirectSale.Offer memory offer = edition(1);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        bytes memory refused = abi.encodeWithSelector(IDirectSale.SignerInvalid.selector, alice.addr, workId);
        offer.price = 1;
        vm.expectRevert(refused);
        buy(offer, alice.addr, signature, 1);
        offer = edition(1);
        offer.size = 1000;
        vm.expectRevert(refused);
        buy(offer, alice.addr, signature, 1000);
        offer = edition(1);
        vm.chainId(999);
        vm.expectRevert(refused);
        buy(offer, alice.addr, signature, 1000);
    }

    function test_onlyTheExactPriceIsTaken() public {
        IDirectSale.Offer memory offer = edition(1);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.WrongPrice.selector, 999, 1000));
        buy(offer, alice.addr, signature, 999);
        offer.price = 0;
        signature = sign(alice, directSale.offerIdOf(offer));
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.WrongPrice.selector, 0, 0));
        buy(offer, alice.addr, signature, 0);
    }

    function test_offersEndAndCanBeTakenBack() public {
        IDirectSale.Offer memory offer = edition(1);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        vm.warp(offer.deadline);
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.OfferExpired.selector, offer.deadline));
        buy(offer, alice.addr, signature, 1000);
        vm.warp(offer.deadline - 1);
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.SignerInvalid.selector, bob.addr, workId));
        vm.prank(bob.addr);
        directSale.cancel(offer);
        vm.prank(alice.addr);
        directSale.cancel(offer);
        bytes32 offerId = directSale.offerIdOf(offer);
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.OfferWithdrawn.selector, offerId));
        buy(offer, alice.addr, signature, 1000);
    }

    function test_inactiveWorksAreNotSold() public {
        IDirectSale.Offer memory offer = edition(1);
        bytes memory signature = sign(alice, directSale.offerIdOf(offer));
        asOwner();
        registry.setStatus(workId, ICWERegistry.Status.Blacklisted, "why");
        vm.expectRevert(abi.encodeWithSelector(IDirectSale.WorkNotActive.selector, workId));
        buy(offer, alice.addr, signature, 1000);
    }
}
