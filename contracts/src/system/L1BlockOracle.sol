// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IL1BlockOracle} from "../interfaces/IL1BlockOracle.sol";
import {SystemAddresses} from "../libraries/SystemAddresses.sol";

/// @title L1BlockOracle
/// @notice See {IL1BlockOracle}. Lives at `0x…C0E002` from genesis on; its code has no constructor.
contract L1BlockOracle is IL1BlockOracle {
    /// @inheritdoc IL1BlockOracle
    uint64 public number;
    /// @inheritdoc IL1BlockOracle
    uint64 public timestamp;
    /// @inheritdoc IL1BlockOracle
    uint128 public baseFee;
    /// @inheritdoc IL1BlockOracle
    bytes32 public prevRandao;
    /// @inheritdoc IL1BlockOracle
    bytes32 public parentHash;

    /// @inheritdoc IL1BlockOracle
    function setL1Block(uint64 number_, uint64 timestamp_, uint128 baseFee_, bytes32 prevRandao_, bytes32 parentHash_)
        external
    {
        if (msg.sender != SystemAddresses.SYSTEM_SENDER) revert NotSystemSender(msg.sender);
        if (number_ <= number) revert StaleL1Block(number_, number);
        number = number_;
        timestamp = timestamp_;
        baseFee = baseFee_;
        prevRandao = prevRandao_;
        parentHash = parentHash_;
        emit L1BlockSet(number_, timestamp_, baseFee_, prevRandao_, parentHash_);
    }
}
