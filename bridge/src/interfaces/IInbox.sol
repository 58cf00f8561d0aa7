// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IInbox
/// @notice The queue of messages from L1 to L2. Anybody can enqueue any L2 call; nobody can stop or reorder the queue.
/// `Rollup` reads it to force inclusion and to bind the queue into proofs.
interface IInbox {
    /// @notice A message was put in the queue.
    /// @param index Position in the queue, without gaps, from 0.
    /// @param sender L2 sender: the L1 sender, aliased when it is a contract.
    /// @param to L2 callee.
    /// @param mint CLN wei credited to `sender` on L2 before the call.
    /// @param value CLN wei moved from `sender` to `to` by the call.
    /// @param gasLimit L2 gas for the call.
    /// @param data Call data.
    /// @param queueHash The rolling hash with this message included: `queueHash(index + 1)`.
    event MessageEnqueued(
        uint64 indexed index,
        address indexed sender,
        address indexed to,
        uint128 mint,
        uint128 value,
        uint64 gasLimit,
        bytes data,
        bytes32 queueHash
    );
    /// @notice The fee per unit of L2 gas changed, in wei of ETH.
    event MessageGasPriceChanged(uint256 messageGasPrice);
    /// @notice The receiver of message fees changed.
    event FeeCollectorChanged(address indexed feeCollector);
    /// @notice Collected fees, in wei of ETH, were paid out.
    event FeesWithdrawn(address indexed feeCollector, uint256 amount);

    /// @notice Gas limit `given` is outside of `minimum … maximum` for this call data.
    error GasLimitOutOfRange(uint64 given, uint256 minimum, uint256 maximum);
    /// @notice Call data of `length` bytes is longer than `maximum`.
    error DataTooLong(uint256 length, uint256 maximum);
    /// @notice `given` wei of ETH do not cover the message fee `required`.
    error InsufficientFee(uint256 given, uint256 required);
    /// @notice The caller is not the bridge, which alone may mint.
    error NotBridge(address caller);
    /// @notice Fewer than `count` messages (only `available`) have been enqueued.
    error MessageNotEnqueued(uint64 count, uint64 available);
    /// @notice L1 block `number` has already been relayed.
    error BlockAlreadyRelayed(uint256 number);
    /// @notice Price `given` is above the hard cap `maximum`.
    error MessageGasPriceTooHigh(uint256 given, uint256 maximum);
    /// @notice `account` did not accept `amount` wei of ETH.
    error EtherTransferFailed(address account, uint256 amount);
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();

    /// @notice Enqueues an L2 call from the caller (aliased when it is a contract).
    /// @dev Send at least `messageFee(gasLimit)` wei; the rest comes back to the caller.
    /// @param to L2 callee (a call, never a creation).
    /// @param value CLN wei that the sender pays to `to` out of its own L2 balance.
    /// @param gasLimit L2 gas, `minimumGas(data.length)` to `MAX_MESSAGE_GAS`.
    /// @param data Call data, at most `MAX_DATA_BYTES` bytes.
    /// @return index Position in the queue.
    function sendMessage(address to, uint128 value, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 index);

    /// @notice Enqueues a message that mints. Only the bridge, which has taken as much CLN into escrow.
    /// @param sender L2 sender, already aliased.
    /// @param to L2 callee.
    /// @param mint CLN wei to credit to `sender`.
    /// @param value CLN wei moved from `sender` to `to`.
    /// @param gasLimit L2 gas.
    /// @param data Call data.
    /// @param refundTo L1 account that gets the ETH beyond the message fee.
    /// @return index Position in the queue.
    function depositMessage(
        address sender,
        address to,
        uint128 mint,
        uint128 value,
        uint64 gasLimit,
        bytes calldata data,
        address refundTo
    ) external payable returns (uint64 index);

    /// @notice Enqueues the current L1 block's figures for the L2 oracle; once per L1 block, free of the message fee.
    /// @return index Position in the queue.
    function relayL1Block() external returns (uint64 index);

    /// @notice Pays all collected fees to the fee collector. Anybody may call it.
    function withdrawFees() external;

    /// @notice Sets the fee per unit of L2 gas, in wei, up to `MAX_MESSAGE_GAS_PRICE`. Owner only.
    function setMessageGasPrice(uint256 price) external;

    /// @notice Sets the receiver of fees. Owner only.
    function setFeeCollector(address collector) external;

    /// @notice Rolling hash over the first `count` messages; reverts when there are fewer.
    function queueHash(uint64 count) external view returns (bytes32);

    /// @notice What `Rollup` needs to know about a batch that ends after `count` messages, in one call.
    /// @return hash Rolling hash over the first `count` messages.
    /// @return nextEnqueuedAt Unix time in seconds at which message number `count` was enqueued, 0 if it does not exist.
    function queueState(uint64 count) external view returns (bytes32 hash, uint64 nextEnqueuedAt);

    /// @notice Number of messages so far, which is the index of the next one.
    function nextIndex() external view returns (uint64);

    /// @notice Unix time in seconds at which message `index` was enqueued; reverts when it does not exist.
    function enqueuedAt(uint64 index) external view returns (uint64);

    /// @notice Least gas limit of a message with `dataLength` bytes of call data.
    function minimumGas(uint256 dataLength) external pure returns (uint256);

    /// @notice Fee in wei of ETH for a message with this gas limit.
    function messageFee(uint64 gasLimit) external view returns (uint256);

    /// @notice Fee per unit of L2 gas, in wei of ETH.
    function messageGasPrice() external view returns (uint256);

    /// @notice Receiver of fees.
    function feeCollector() external view returns (address);

    /// @notice The contract that may mint.
    function bridge() external view returns (address);
}
