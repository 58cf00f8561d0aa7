// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IEconomyParameters} from "../interfaces/IEconomyParameters.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {EpochHistory} from "../libraries/EpochHistory.sol";
import {Governed} from "../libraries/Governed.sol";

/// @title EconomyParameters
/// @notice See {IEconomyParameters}. Its bounds are constants: no governance can leave creators less than half.
contract EconomyParameters is IEconomyParameters, Governed {
    using EpochHistory for EpochHistory.History;

    /// @notice Most that eco-reserve and infrastructure get together, in ppm.
    uint32 public constant MAX_PROTOCOL_PPM = 500_000;
    /// @notice Largest `diminishingPpm`.
    uint32 public constant MAX_DIMINISHING_PPM = 1_000_000_000;

    /// @custom:storage-location erc7201:cwe.economy-parameters
    struct EconomyParametersStorage {
        IEpochClock clock;
        EpochHistory.History history;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.economy-parameters")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xfe371cc36e21038463252492edd57aa81853123d2ed54764a683025ee9350000;

    /// @param owner_ The timelock.
    /// @param clock_ The epochs.
    /// @param parameters Of the first epoch.
    function initialize(address owner_, address clock_, Parameters calldata parameters) external initializer {
        _requireNonZero(clock_);
        __Ownable_init(owner_);
        _storage().clock = IEpochClock(clock_);
        _set(1, parameters);
    }

    /// @inheritdoc IEconomyParameters
    function setParameters(Parameters calldata parameters) external onlyOwner {
        _set(_storage().clock.currentEpoch() + 1, parameters);
    }

    /// @inheritdoc IEconomyParameters
    function parametersOf(uint64 epoch) external view returns (Parameters memory) {
        uint256 packed = _storage().history.at(epoch);
        // forge-lint: disable-start(unsafe-typecast): fields of a packed word
        return Parameters({
            ecoPpm: uint32(packed),
            infraPpm: uint32(packed >> 32),
            diminishingPpm: uint32(packed >> 64),
            minReveals: uint32(packed >> 96),
            halfLife: packed >> 128 == 1
        });
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _set(uint64 fromEpoch, Parameters calldata parameters) private {
        uint256 sum = uint256(parameters.ecoPpm) + parameters.infraPpm;
        if (sum > MAX_PROTOCOL_PPM) revert SharesTooHigh(sum, MAX_PROTOCOL_PPM);
        if (parameters.diminishingPpm > MAX_DIMINISHING_PPM) {
            revert DiminishingTooHigh(parameters.diminishingPpm, MAX_DIMINISHING_PPM);
        }
        uint208 packed = uint208(parameters.ecoPpm) | (uint208(parameters.infraPpm) << 32)
            | (uint208(parameters.diminishingPpm) << 64) | (uint208(parameters.minReveals) << 96);
        if (parameters.halfLife) packed |= uint208(1) << 128;
        _storage().history.set(fromEpoch, packed);
        emit ParametersSet(fromEpoch, parameters);
    }

    function _storage() private pure returns (EconomyParametersStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
