// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Payee} from "../../src/interfaces/ICWERegistry.sol";
import {Splits} from "../../src/libraries/Splits.sol";
import {PullPayments} from "../../src/payments/PullPayments.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The ledger of pull payments alone, with its credits open to the test.
contract Ledger is PullPayments {
    receive() external payable {}

    function credit(address account, uint256 amount) external {
        _credit(account, "source", amount);
    }
}

/// @notice The money rules for all values at once: `halmos --contract SymbolicTest --loop 4` proves them, `forge test` samples.
contract SymbolicTest is Test {
    Ledger internal ledger = new Ledger();

    /// The parts of three payees add up to the amount, whatever it is.
    function check_splitsSum(uint128 amount, uint96 first, uint96 second) public pure {
        vm.assume(first > 0 && second > 0 && uint256(first) + second < 1_000_000);
        Payee[] memory payees = new Payee[](3);
        payees[0] = Payee(payable(address(1)), first);
        payees[1] = Payee(payable(address(2)), second);
        payees[2] = Payee(payable(address(3)), 1_000_000 - first - second);
        uint256[] memory parts = Splits.divide(amount, payees);
        assert(parts[0] + parts[1] + parts[2] == amount);
    }

    /// Two credits are owed in full, and only to those credited.
    function check_creditsAreConserved(address a, address b, uint128 x, uint128 y) public {
        vm.assume(a != b);
        ledger.credit(a, x);
        ledger.credit(b, y);
        assert(ledger.owed(a) == x);
        assert(ledger.owed(b) == y);
        assert(ledger.totalOwed() == uint256(x) + y);
    }

    /// A claim pays what is owed, and a second one nothing.
    function check_noDoubleClaim(uint128 x, uint128 y) public {
        address payable account = payable(address(0xaaaa));
        address other = address(0xbbbb);
        vm.assume(x != 0);
        vm.deal(address(ledger), uint256(x) + y);
        ledger.credit(account, x);
        ledger.credit(other, y);
        uint256 amount = ledger.claim(account);
        assert(amount == x);
        assert(account.balance == x);
        assert(ledger.totalOwed() == y);
        assert(address(ledger).balance == y);
        (bool again,) = address(ledger).call(abi.encodeCall(ledger.claim, (account)));
        assert(!again);
        assert(address(ledger).balance == y);
    }

    /* the same rules, sampled */

    function testFuzz_splitsSum(uint128 amount, uint96 first, uint96 second) public pure {
        check_splitsSum(amount, uint96(bound(first, 1, 499_999)), uint96(bound(second, 1, 499_999)));
    }

    function testFuzz_creditsAreConserved(address a, address b, uint128 x, uint128 y) public {
        check_creditsAreConserved(a, b, x, y);
    }

    function testFuzz_noDoubleClaim(uint128 x, uint128 y) public {
        check_noDoubleClaim(x, y);
    }
}
