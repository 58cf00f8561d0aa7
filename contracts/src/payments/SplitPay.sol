// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {ISplitPay} from "../interfaces/ISplitPay.sol";
import {Governed} from "../libraries/Governed.sol";
import {PullPayments} from "./PullPayments.sol";

/// @title SplitPay
/// @notice See {ISplitPay}.
contract SplitPay is ISplitPay, Governed, PullPayments {
    /// @custom:storage-location erc7201:cwe.split-pay
    struct SplitPayStorage {
        ICWERegistry registry;
        IEpochClock clock;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.split-pay")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x700a2472afbe123fd81f8eb8fb4ea61bae2e2587c8ce16aecc7b7742476e0200;

    /// @param owner_ The timelock.
    /// @param registry_ The works.
    /// @param clock_ The epochs.
    function initialize(address owner_, address registry_, address clock_) external initializer {
        _requireNonZero(registry_);
        _requireNonZero(clock_);
        __Ownable_init(owner_);
        _storage().registry = ICWERegistry(registry_);
        _storage().clock = IEpochClock(clock_);
    }

    /// @inheritdoc ISplitPay
    function pay(bytes32 workId) external payable {
        if (msg.value == 0) revert ZeroAmount();
        SplitPayStorage storage $ = _storage();
        _creditSplit($.registry.payeesAt(workId, $.clock.currentEpoch()), workId, msg.value);
        emit WorkPaid(workId, msg.sender, msg.value);
    }

    function _storage() private pure returns (SplitPayStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
