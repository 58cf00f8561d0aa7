// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IEpochBeacon} from "../interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {IL1BlockOracle} from "../interfaces/IL1BlockOracle.sol";
import {Field} from "../libraries/Field.sol";
import {Governed} from "../libraries/Governed.sol";
import {SystemAddresses} from "../libraries/SystemAddresses.sol";

/// @title EpochBeacon
/// @notice See {IEpochBeacon}. Both clocks must have passed the epoch's end: L2's, so that no subscription can follow,
/// and L1's by a delay, so that a sequencer whose blocks lag behind cannot let one in after the randomness is known.
contract EpochBeacon is IEpochBeacon, Governed {
    /// @custom:storage-location erc7201:cwe.epoch-beacon
    struct EpochBeaconStorage {
        IEpochClock clock;
        uint64 delaySecs;
        mapping(uint64 epoch => uint256) keys;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.epoch-beacon")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x82ef98adee7102fc86a8951be539004bde0445ec80b6da7c4513c00648196000;

    /// @param owner_ The timelock.
    /// @param clock_ The epochs.
    /// @param delaySecs_ How far L2's clock may lag behind L1's, in seconds.
    function initialize(address owner_, address clock_, uint64 delaySecs_) external initializer {
        _requireNonZero(clock_);
        __Ownable_init(owner_);
        _storage().clock = IEpochClock(clock_);
        _storage().delaySecs = delaySecs_;
    }

    /// @inheritdoc IEpochBeacon
    function fix(uint64 epoch) external returns (uint256 key) {
        EpochBeaconStorage storage $ = _storage();
        if ($.keys[epoch] != 0) revert KeyAlreadyFixed(epoch);
        uint64 endsAt = $.clock.windowsOf(epoch).endsAt;
        if (block.timestamp < endsAt) revert EpochNotOver(epoch, endsAt);
        IL1BlockOracle oracle = IL1BlockOracle(SystemAddresses.L1_BLOCK_ORACLE);
        uint64 l1Timestamp = oracle.timestamp();
        if (l1Timestamp < endsAt + $.delaySecs) revert L1BlockTooOld(l1Timestamp, endsAt + $.delaySecs);

        uint64 l1Block = oracle.number();
        key = uint256(keccak256(abi.encode("cwe.epoch-key", block.chainid, epoch, l1Block, oracle.prevRandao())))
            % Field.MODULUS;
        $.keys[epoch] = key;
        emit EpochKeyFixed(epoch, key, l1Block);
    }

    /// @inheritdoc IEpochBeacon
    function keyOf(uint64 epoch) external view returns (uint256) {
        return _storage().keys[epoch];
    }

    /// @inheritdoc IEpochBeacon
    function delaySecs() external view returns (uint64) {
        return _storage().delaySecs;
    }

    function _storage() private pure returns (EpochBeaconStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
