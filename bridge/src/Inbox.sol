// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IL1BlockOracle} from "../../contracts/src/interfaces/IL1BlockOracle.sol";
import {SystemAddresses} from "../../contracts/src/libraries/SystemAddresses.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {AddressAlias} from "./libraries/AddressAlias.sol";
import {QueueHash} from "./libraries/QueueHash.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title Inbox
/// @notice See {IInbox}. Deliberately without pause and without an allow list: it is the users' way around everybody.
contract Inbox is IInbox, Initializable, OwnableUpgradeable, UUPSUpgradeable {
    /// @notice Least L2 gas of a message, before its data.
    uint64 public constant MIN_MESSAGE_GAS = 21_000;
    /// @notice L2 gas per byte of call data: the EIP-7623 floor of a non-zero byte.
    uint64 public constant GAS_PER_DATA_BYTE = 40;
    /// @notice Most L2 gas of a message.
    uint64 public constant MAX_MESSAGE_GAS = 2_000_000;
    /// @notice Most bytes of call data.
    uint256 public constant MAX_DATA_BYTES = 32_768;
    /// @notice Hard cap of the fee per unit of L2 gas, in wei: a full message never costs more than 0.002 ETH, so
    /// that no price set by governance can shut users in.
    uint256 public constant MAX_MESSAGE_GAS_PRICE = 1 gwei;
    /// @notice L2 gas for the oracle's update.
    uint64 public constant ORACLE_GAS = 200_000;

    /// @custom:storage-location erc7201:cwe.inbox
    struct InboxStorage {
        address bridge;
        address feeCollector;
        uint256 messageGasPrice;
        uint256 lastRelayedBlock;
        /// @dev By number of messages; entry 0 stays zero.
        mapping(uint64 count => bytes32) queueHashes;
        /// @dev By message index, four to a slot; its length is the number of messages.
        uint64[] enqueuedAt;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.inbox")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x207772764e768e69415251c329aa44ff0a6707f16687469d2ac23508d6ae1200;

    constructor() {
        _disableInitializers();
    }

    /// @param owner_ The timelock.
    /// @param bridge_ The contract that may mint.
    /// @param feeCollector_ Receiver of message fees.
    /// @param messageGasPrice_ Fee per unit of L2 gas, in wei.
    function initialize(address owner_, address bridge_, address feeCollector_, uint256 messageGasPrice_)
        external
        initializer
    {
        if (bridge_ == address(0)) revert ZeroAddress();
        __Ownable_init(owner_);
        _storage().bridge = bridge_;
        _setFeeCollector(feeCollector_);
        _setMessageGasPrice(messageGasPrice_);
    }

    /* enqueue */

    /// @inheritdoc IInbox
    function sendMessage(address to, uint128 value, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 index)
    {
        index = _enqueue(AddressAlias.ofCaller(), to, 0, value, gasLimit, data);
        _chargeFee(gasLimit, msg.sender);
    }

    /// @inheritdoc IInbox
    function depositMessage(
        address sender,
        address to,
        uint128 mint,
        uint128 value,
        uint64 gasLimit,
        bytes calldata data,
        address refundTo
    ) external payable returns (uint64 index) {
        if (msg.sender != _storage().bridge) revert NotBridge(msg.sender);
        index = _enqueue(sender, to, mint, value, gasLimit, data);
        _chargeFee(gasLimit, refundTo);
    }

    /// @inheritdoc IInbox
    function relayL1Block() external returns (uint64 index) {
        InboxStorage storage $ = _storage();
        // Once a block, which is what equality says here.
        // slither-disable-next-line incorrect-equality
        if ($.lastRelayedBlock == block.number) revert BlockAlreadyRelayed(block.number);
        $.lastRelayedBlock = block.number;
        bytes memory data = abi.encodeCall(
            IL1BlockOracle.setL1Block,
            (
                uint64(block.number),
                uint64(block.timestamp),
                uint128(block.basefee),
                bytes32(block.prevrandao),
                blockhash(block.number - 1)
            )
        );
        index = _enqueue(SystemAddresses.SYSTEM_SENDER, SystemAddresses.L1_BLOCK_ORACLE, 0, 0, ORACLE_GAS, data);
    }

    /* fees */

    /// @inheritdoc IInbox
    function withdrawFees() external {
        address collector = _storage().feeCollector;
        uint256 amount = address(this).balance;
        emit FeesWithdrawn(collector, amount);
        _sendEther(collector, amount);
    }

    /// @inheritdoc IInbox
    function setMessageGasPrice(uint256 price) external onlyOwner {
        _setMessageGasPrice(price);
    }

    /// @inheritdoc IInbox
    function setFeeCollector(address collector) external onlyOwner {
        _setFeeCollector(collector);
    }

    /* views */

    /// @inheritdoc IInbox
    function queueHash(uint64 count) public view returns (bytes32) {
        uint64 available = nextIndex();
        if (count > available) revert MessageNotEnqueued(count, available);
        return _storage().queueHashes[count];
    }

    /// @inheritdoc IInbox
    function queueState(uint64 count) external view returns (bytes32 hash, uint64 nextEnqueuedAt) {
        hash = queueHash(count);
        if (count < nextIndex()) nextEnqueuedAt = _storage().enqueuedAt[count];
    }

    /// @inheritdoc IInbox
    function nextIndex() public view returns (uint64) {
        return uint64(_storage().enqueuedAt.length);
    }

    /// @inheritdoc IInbox
    function enqueuedAt(uint64 index) external view returns (uint64) {
        uint64 available = nextIndex();
        if (index >= available) revert MessageNotEnqueued(index + 1, available);
        return _storage().enqueuedAt[index];
    }

    /// @inheritdoc IInbox
    function minimumGas(uint256 dataLength) public pure returns (uint256) {
        return MIN_MESSAGE_GAS + GAS_PER_DATA_BYTE * dataLength;
    }

    /// @inheritdoc IInbox
    function messageFee(uint64 gasLimit) public view returns (uint256) {
        return gasLimit * _storage().messageGasPrice;
    }

    /// @inheritdoc IInbox
    function messageGasPrice() external view returns (uint256) {
        return _storage().messageGasPrice;
    }

    /// @inheritdoc IInbox
    function feeCollector() external view returns (address) {
        return _storage().feeCollector;
    }

    /// @inheritdoc IInbox
    function bridge() external view returns (address) {
        return _storage().bridge;
    }

    /* internal */

    function _enqueue(address sender, address to, uint128 mint, uint128 value, uint64 gasLimit, bytes memory data)
        private
        returns (uint64 index)
    {
        if (data.length > MAX_DATA_BYTES) revert DataTooLong(data.length, MAX_DATA_BYTES);
        uint256 minimum = minimumGas(data.length);
        if (gasLimit < minimum || gasLimit > MAX_MESSAGE_GAS) {
            revert GasLimitOutOfRange(gasLimit, minimum, MAX_MESSAGE_GAS);
        }
        InboxStorage storage $ = _storage();
        index = nextIndex();
        bytes32 message = QueueHash.messageHash(index, sender, to, mint, value, gasLimit, keccak256(data));
        bytes32 hash = QueueHash.append($.queueHashes[index], message);
        $.queueHashes[index + 1] = hash;
        $.enqueuedAt.push(uint64(block.timestamp));
        emit MessageEnqueued(index, sender, to, mint, value, gasLimit, data, hash);
    }

    function _chargeFee(uint64 gasLimit, address refundTo) private {
        uint256 fee = messageFee(gasLimit);
        if (msg.value < fee) revert InsufficientFee(msg.value, fee);
        if (msg.value > fee) _sendEther(refundTo, msg.value - fee);
    }

    function _sendEther(address account, uint256 amount) private {
        // Only refunds to who paid (or whom the bridge names for it) and fees to the collector.
        // slither-disable-next-line arbitrary-send-eth
        (bool success,) = account.call{value: amount}("");
        if (!success) revert EtherTransferFailed(account, amount);
    }

    function _setMessageGasPrice(uint256 price) private {
        if (price > MAX_MESSAGE_GAS_PRICE) revert MessageGasPriceTooHigh(price, MAX_MESSAGE_GAS_PRICE);
        _storage().messageGasPrice = price;
        emit MessageGasPriceChanged(price);
    }

    function _setFeeCollector(address collector) private {
        if (collector == address(0)) revert ZeroAddress();
        _storage().feeCollector = collector;
        emit FeeCollectorChanged(collector);
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _storage() private pure returns (InboxStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
