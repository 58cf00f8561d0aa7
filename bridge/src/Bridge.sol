// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IBridge} from "./interfaces/IBridge.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {IRollup} from "./interfaces/IRollup.sol";
import {AddressAlias} from "./libraries/AddressAlias.sol";
import {WithdrawalTree} from "./libraries/WithdrawalTree.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Bridge
/// @notice See {IBridge}. Its pause is the rollup's, so that the guardian has one bounded pause and not two in a row.
contract Bridge is IBridge, Initializable, OwnableUpgradeable, UUPSUpgradeable {
    using SafeERC20 for IERC20;
    using BitMaps for BitMaps.BitMap;

    /// @custom:storage-location erc7201:cwe.bridge
    struct BridgeStorage {
        IERC20 cln;
        IInbox inbox;
        IRollup rollup;
        uint256 escrowed;
        BitMaps.BitMap claimed;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.bridge")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x5b7554c45a2a7fd394eb3d9f01bde537493c6583d521b04ebf869c5b4c3ddb00;

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    constructor() {
        _disableInitializers();
    }

    /// @param owner_ The timelock.
    /// @param cln_ The token.
    /// @param inbox_ The message queue.
    /// @param rollup_ The rollup.
    function initialize(address owner_, address cln_, address inbox_, address rollup_) external initializer {
        if (cln_ == address(0) || inbox_ == address(0) || rollup_ == address(0)) revert ZeroAddress();
        __Ownable_init(owner_);
        BridgeStorage storage $ = _storage();
        $.cln = IERC20(cln_);
        $.inbox = IInbox(inbox_);
        $.rollup = IRollup(rollup_);
    }

    /* deposits */

    /// @inheritdoc IBridge
    function deposit(address to, uint256 amount, uint64 gasLimit)
        external
        payable
        whenNotPaused
        returns (uint64 messageIndex)
    {
        return _deposit(to, amount, gasLimit);
    }

    /// @inheritdoc IBridge
    /// @dev The events follow the calls because they carry the message's index; CLN and inbox are the protocol's own.
    // slither-disable-next-line reentrancy-events
    function depositWithPermit(
        address to,
        uint256 amount,
        uint64 gasLimit,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external payable whenNotPaused returns (uint64 messageIndex) {
        // Whoever sees the permit in the mempool can spend its nonce; the allowance it gave is then there all the same.
        try IERC20Permit(address(_storage().cln)).permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        return _deposit(to, amount, gasLimit);
    }

    // slither-disable-next-line reentrancy-events
    function _deposit(address to, uint256 amount, uint64 gasLimit) private returns (uint64 messageIndex) {
        if (to == address(0)) revert ZeroAddress();
        if (amount == 0 || amount > type(uint128).max) revert AmountInvalid(amount);
        BridgeStorage storage $ = _storage();
        $.escrowed += amount;
        $.cln.safeTransferFrom(msg.sender, address(this), amount);
        // forge-lint: disable-next-line(unsafe-typecast): bounded above
        uint128 mint = uint128(amount);
        address sender = AddressAlias.ofCaller();
        messageIndex = $.inbox.depositMessage{value: msg.value}(sender, to, mint, mint, gasLimit, "", msg.sender);
        emit DepositInitiated(messageIndex, msg.sender, to, amount);
    }

    /* withdrawals */

    /// @inheritdoc IBridge
    function claimWithdrawal(
        uint64 batchIndex,
        uint64 index,
        address sender,
        address recipient,
        uint256 amount,
        bytes32[32] calldata proof
    ) external whenNotPaused {
        BridgeStorage storage $ = _storage();
        bytes32 root = $.rollup.finalizedWithdrawalRoot(batchIndex);
        if (root == 0) revert BatchNotFinalized(batchIndex);
        if ($.claimed.get(index)) revert AlreadyClaimed(index);
        bytes32 leaf = WithdrawalTree.leaf(index, sender, recipient, amount);
        if (WithdrawalTree.rootOf(leaf, index, proof) != root) revert InvalidWithdrawalProof(root);

        $.claimed.set(index);
        $.escrowed -= amount;
        emit WithdrawalClaimed(index, sender, recipient, amount);
        $.cln.safeTransfer(recipient, amount);
    }

    /* views */

    /// @inheritdoc IBridge
    function isClaimed(uint64 index) external view returns (bool) {
        return _storage().claimed.get(index);
    }

    /// @inheritdoc IBridge
    function escrowed() external view returns (uint256) {
        return _storage().escrowed;
    }

    /// @inheritdoc IBridge
    function cln() external view returns (address) {
        return address(_storage().cln);
    }

    /// @inheritdoc IBridge
    function inbox() external view returns (address) {
        return address(_storage().inbox);
    }

    /// @inheritdoc IBridge
    function rollup() external view returns (address) {
        return address(_storage().rollup);
    }

    /* internal */

    function _requireNotPaused() private view {
        uint64 until = _storage().rollup.pausedUntil();
        if (block.timestamp < until) revert IsPaused(until);
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _storage() private pure returns (BridgeStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
