// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {IRegionRules} from "../interfaces/IRegionRules.sol";
import {EpochHistory} from "../libraries/EpochHistory.sol";
import {Governed} from "../libraries/Governed.sol";

/// @title RegionRules
/// @notice See {IRegionRules}. Small enough that a whole table goes into every registry commitment.
contract RegionRules is IRegionRules, Governed {
    using EpochHistory for EpochHistory.History;

    /// @notice Most rules there can be.
    uint256 public constant MAX_RULES = 64;
    /// @notice Largest factor: ten times the price.
    uint32 public constant MAX_FACTOR_PPM = 10_000_000;

    /// @custom:storage-location erc7201:cwe.region-rules
    struct RegionRulesStorage {
        IEpochClock clock;
        bytes32[] rules;
        mapping(bytes32 rule => uint16) indexes;
        mapping(bytes32 rule => EpochHistory.History) factors;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.region-rules")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xefd3d1672b7648c0cf01d0c63cf28220cac09ca04e17aba9e396489076993a00;

    /// @param owner_ The timelock.
    /// @param clock_ The epochs.
    function initialize(address owner_, address clock_) external initializer {
        _requireNonZero(clock_);
        __Ownable_init(owner_);
        _storage().clock = IEpochClock(clock_);
    }

    /// @inheritdoc IRegionRules
    function setRule(bytes32 rule, uint32 factorPpm) external onlyOwner {
        if (rule == 0 || factorPpm == 0 || factorPpm > MAX_FACTOR_PPM) {
            revert RuleInvalid(rule, factorPpm, MAX_FACTOR_PPM);
        }
        RegionRulesStorage storage $ = _storage();
        uint64 fromEpoch = $.clock.currentEpoch();
        if ($.indexes[rule] == 0) {
            if ($.rules.length == MAX_RULES) revert TooManyRules(MAX_RULES);
            $.rules.push(rule);
            // forge-lint: disable-next-line(unsafe-typecast): at most MAX_RULES
            $.indexes[rule] = uint16($.rules.length);
        } else {
            ++fromEpoch;
        }
        $.factors[rule].set(fromEpoch, factorPpm);
        emit RuleSet(rule, fromEpoch, factorPpm);
    }

    /// @inheritdoc IRegionRules
    function indexOf(bytes32 rule) external view returns (uint16 index) {
        index = _storage().indexes[rule];
        if (index == 0) revert UnknownRegionRule(rule);
    }

    /// @inheritdoc IRegionRules
    function ruleAt(uint16 index) external view returns (bytes32) {
        return _storage().rules[index - 1];
    }

    /// @inheritdoc IRegionRules
    function factorOf(bytes32 rule, uint64 epoch) public view returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast): stored from 32 bits
        return uint32(_storage().factors[rule].at(epoch));
    }

    /// @inheritdoc IRegionRules
    function rowsOf(uint64 epoch) external view returns (Row[] memory rows) {
        bytes32[] memory rules = _storage().rules;
        rows = new Row[](rules.length);
        uint256 count = 0;
        for (uint256 i = 0; i < rules.length; ++i) {
            uint32 factorPpm = factorOf(rules[i], epoch);
            // A rule that came after this epoch is not part of its table.
            if (factorPpm != 0) rows[count++] = Row(rules[i], factorPpm);
        }
        assembly ("memory-safe") {
            mstore(rows, count)
        }
    }

    function _storage() private pure returns (RegionRulesStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
