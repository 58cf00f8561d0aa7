// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEConsumption} from "../interfaces/ICWEConsumption.sol";
import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";
import {ICWETiers} from "../interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../interfaces/IEconomyParameters.sol";
import {ISubmissionRefunds} from "../interfaces/ISubmissionRefunds.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Governed} from "../libraries/Governed.sol";
import {PayoutSources} from "../libraries/PayoutSources.sol";
import {Splits} from "../libraries/Splits.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SubmissionRefunds
/// @notice See {ISubmissionRefunds}. It holds no money: the Treasury lets it spend from the infrastructure account, and
/// governance can end that there.
contract SubmissionRefunds is ISubmissionRefunds, Governed {
    /// @notice Part of an epoch's infrastructure share that refunds may take, in ppm. The rest is for what else runs.
    uint256 public constant MAX_SHARE_PPM = 500_000;

    /// @notice The contracts that refunds follow from.
    struct Sources {
        ICWETiers tiers;
        ICWEConsumption consumption;
        ICWEPayouts payouts;
        IEconomyParameters parameters;
        ITreasury treasury;
    }

    /// @custom:storage-location erc7201:cwe.submission-refunds
    struct RefundsStorage {
        Sources sources;
        mapping(uint64 epoch => mapping(address sender => bool)) refunded;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.submission-refunds")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x302af89e29247a77f0a7b8e6ddfd2f929fda57bb9aa2df695ad843a2d52b7c00;

    /// @param owner_ The timelock.
    /// @param sources_ What refunds follow from.
    function initialize(address owner_, Sources calldata sources_) external initializer {
        _requireNonZero(address(sources_.tiers));
        _requireNonZero(address(sources_.consumption));
        _requireNonZero(address(sources_.payouts));
        _requireNonZero(address(sources_.parameters));
        _requireNonZero(address(sources_.treasury));
        __Ownable_init(owner_);
        _storage().sources = sources_;
    }

    /// @inheritdoc ISubmissionRefunds
    function claim(uint64 epoch, address payable sender) external returns (uint256 amount) {
        RefundsStorage storage $ = _storage();
        if (epoch == 0 || epoch >= $.sources.payouts.nextEpoch()) revert EpochNotSettled(epoch);
        if ($.refunded[epoch][sender]) revert AlreadyRefunded(epoch, sender);
        amount = refundOf(epoch, sender);
        if (amount == 0) revert NothingToRefund(epoch, sender);
        $.refunded[epoch][sender] = true;
        emit Refunded(epoch, sender, amount);
        $.sources.treasury.spend(ITreasury.Account.Infrastructure, sender, amount, bytes32(uint256(epoch)));
    }

    /// @inheritdoc ISubmissionRefunds
    function refundOf(uint64 epoch, address sender) public view returns (uint256) {
        ICWEConsumption consumption = _storage().sources.consumption;
        (uint256 cost, uint256 total) = consumption.costsOf(epoch, sender);
        if (cost == 0) return 0;
        uint256 most = available(epoch);
        return total <= most ? cost : Math.mulDiv(cost, most, total);
    }

    /// @inheritdoc ISubmissionRefunds
    function available(uint64 epoch) public view returns (uint256) {
        Sources storage sources = _storage().sources;
        ICWETiers tiers = sources.tiers;
        uint256 fees = PayoutSources.sum(PayoutSources.revenuesOf(tiers, epoch, tiers.tierIds()));
        return Splits.part(Splits.part(fees, sources.parameters.parametersOf(epoch).infraPpm), MAX_SHARE_PPM);
    }

    /// @inheritdoc ISubmissionRefunds
    function isRefunded(uint64 epoch, address sender) external view returns (bool) {
        return _storage().refunded[epoch][sender];
    }

    function _storage() private pure returns (RefundsStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
