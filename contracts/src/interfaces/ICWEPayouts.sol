// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {IEconomyParameters} from "./IEconomyParameters.sol";

/// @title ICWEPayouts
/// @notice From proven reveals to money: aggregates prove states of an epoch, a settlement divides its revenue by one of
/// them, works claim what the payout list gives them. Every step is open to anybody; nothing rests on trust in who takes
/// it, and what one of them withholds delays the others by a grace at most.
/// @dev An epoch's inflow is its fees, what the epoch before carried, and what it left unclaimed. It equals creators +
/// eco + infra + carried + unclaimed, to the last wei, or nothing is settled.
///
/// The grace of an epoch is as long as its aggregation window. It begins when a settlement can be proven: at
/// `settleableAt`, or when the epoch before was settled, or when the verifiers were last set, whatever comes last.
interface ICWEPayouts {
    /// @notice The effect of a batch of reveals. Roots are those of Merkle-Patricia tries.
    struct Aggregate {
        bytes32 nullifierRootBefore;
        bytes32 nullifierRootAfter;
        bytes32 totalsRootBefore;
        bytes32 totalsRootAfter;
        /// @dev Number of reveals.
        uint64 reveals;
        /// @dev Units revealed in each tier, in the order of `ICWETiers.tierIds`.
        uint64[] units;
    }

    /// @notice What a settlement divides by.
    struct Basis {
        /// @dev Of a proven state of the epoch, or of the empty one.
        bytes32 nullifierRoot;
        bytes32 totalsRoot;
        /// @dev The trie of what the epoch before carried is withheld: this money counts as unclaimed instead.
        bool abandonCarried;
    }

    /// @notice How an epoch's inflow is divided, apart from the protocol's shares, which this contract computes. CLN wei.
    struct Settlement {
        /// @dev Sum of the payout list.
        uint256 creators;
        /// @dev Of works seen too few times: goes into the next epoch.
        uint256 carried;
        /// @dev Of units never revealed: goes into the next epoch's creators' pool.
        uint256 unclaimed;
        /// @dev Root over the payout list: leaves `keccak256(keccak256(abi.encode(uint64 epoch, bytes32 workId, uint256
        /// amount)))`, as OpenZeppelin's StandardMerkleTree.
        bytes32 payoutRoot;
        /// @dev Root of the trie of carried totals; zero for the empty one.
        bytes32 carriedRoot;
        /// @dev Hash of the payout list as `publishPayouts` publishes it; zero for the empty one.
        bytes32 payoutsHash;
    }

    /// @notice All that a settlement follows from: what its proof is made with.
    struct SettlementInputs {
        uint64 epoch;
        /// @dev Unix time in seconds of the epoch's end, from which ages of works count.
        uint64 endsAt;
        bytes32 totalsRoot;
        bytes32 registryCommitment;
        IEconomyParameters.Parameters parameters;
        bytes32[] tierIds;
        /// @dev CLN wei a subscription, by tier.
        uint256[] fees;
        /// @dev CLN wei taken, by tier.
        uint256[] revenues;
        /// @dev What the epoch before carried, unless it is abandoned.
        bytes32 carriedRootIn;
        uint256 carriedIn;
        uint256 unclaimedIn;
        /// @dev The protocol's shares of this epoch's fees.
        uint256 eco;
        uint256 infra;
    }

    /// @notice The whole money, in CLN wei: `fees = credited + claimable + eco + infra + carried + unclaimed`.
    struct Books {
        /// @dev Taken over from the tiers.
        uint256 fees;
        /// @dev Credited to payees by `withdraw`, paid out or not.
        uint256 credited;
        /// @dev In payout lists and not yet withdrawn.
        uint256 claimable;
        uint256 eco;
        uint256 infra;
        /// @dev Held for the next settlement.
        uint256 carried;
        uint256 unclaimed;
    }

    /// @notice A batch of reveals was proven by `coordinator`.
    event AggregateSubmitted(uint64 indexed epoch, address indexed coordinator, Aggregate aggregate);
    /// @notice A chunk of a payout list. A list is its publisher's chunks from the last one with index 0 on; with this
    /// one its hash is `payoutsHash`.
    event PayoutsPublished(
        uint64 indexed epoch, address indexed publisher, uint32 index, bytes entries, bytes32 payoutsHash
    );
    /// @notice The division of an epoch's inflow was proven, better than any before. `publisher` published its list.
    event SettlementProven(uint64 indexed epoch, address indexed publisher, Basis basis, Settlement settlement);
    /// @notice The epoch is settled: the record of it.
    event EpochSettled(uint64 indexed epoch, uint256 fees, uint256 eco, uint256 infra, Settlement settlement);
    /// @notice A work's payout was credited to its payees.
    event Withdrawn(bytes32 indexed workId, uint64 indexed epoch, uint256 amount);
    /// @notice The verifiers changed; zero for none.
    event VerifiersSet(address indexed aggregation, address indexed settlement);

    /// @notice Not now: the window is `opensAt` to `closesAt`, Unix times in seconds (`closesAt` 0: for ever).
    error OutsideWindow(uint64 epoch, uint64 opensAt, uint64 closesAt);
    /// @notice No verifier is set for this kind of proof.
    error VerifierNotSet();
    /// @notice The proof does not hold for this epoch's state.
    error ProofInvalid();
    /// @notice No aggregate of this epoch led to these roots.
    error StateUnknown(bytes32 nullifierRoot, bytes32 totalsRoot);
    /// @notice An aggregate of this epoch led to these roots before: there is nothing to add.
    error StateKnown(bytes32 nullifierRoot, bytes32 totalsRoot);
    /// @notice There are `tiers` tiers, and figures for `given`.
    error UnitsLengthInvalid(uint256 given, uint256 tiers);
    /// @notice More units than the tier's submissions have: `units` of at most `maximum`.
    error TooManyUnits(bytes32 tierId, uint256 units, uint256 maximum);
    /// @notice Epochs are settled in order; `next` is next.
    error NotNextEpoch(uint64 epoch, uint64 next);
    /// @notice The division adds up to `outflow`, not to `inflow`.
    error NotConserved(uint256 inflow, uint256 outflow);
    /// @notice A chunk has 1 … 2048 entries of 43 bytes, and not `length` bytes.
    error PublicationInvalid(uint256 length);
    /// @notice Chunk `given` can't follow: the caller's next one is `next`, or 0 to begin anew.
    error PublicationOutOfOrder(uint32 given, uint32 next);
    /// @notice The settlement has the payout list `given`, the caller has published `published`.
    error PayoutsNotPublished(bytes32 given, bytes32 published);
    /// @notice Carried money can be abandoned from `at` on, a Unix time in seconds: until then its trie may be shown.
    error CarriedNotAbandonable(uint64 at);
    /// @notice Another settlement is proven, by `provenReveals` reveals; this one, by `reveals`, does not replace it.
    error SettlementNotBetter(uint64 reveals, uint64 provenReveals);
    /// @notice The epoch has reveals or carried money: its settlement must be proven first.
    error SettlementNotProven(uint64 epoch);
    /// @notice There is a state with more reveals: until `until`, a Unix time in seconds, it may be settled on instead.
    error SettlementContestable(uint64 epoch, uint64 until);
    /// @notice This contract holds `balance` CLN wei and would owe `required`.
    error Insolvent(uint256 balance, uint256 required);
    /// @notice The payout list of this epoch has no such entry.
    error PayoutInvalid(uint64 epoch, bytes32 workId, uint256 amount);
    /// @notice This payout was withdrawn before.
    error AlreadyWithdrawn(uint64 epoch, bytes32 workId);
    /// @notice Payouts to a blacklisted work wait until governance decides otherwise.
    error WorkBlacklisted(bytes32 workId);
    /// @notice Only the tiers contract pays in.
    error NotTiers(address caller);

    /// @notice Adds the state that a proven batch of reveals leads to.
    /// @param epoch Its reveal window or aggregation window must be running.
    /// @param aggregate The effect; builds on any state of the epoch that is known, the empty one included.
    /// @param proof Of `aggregateValue(epoch, aggregate, caller)`.
    function submitAggregate(uint64 epoch, Aggregate calldata aggregate, bytes calldata proof) external;

    /// @notice Publishes a chunk of the caller's payout list of an epoch, in the event.
    /// @param epoch The epoch.
    /// @param index Number of the chunk: 0 begins the list anew, else the next one.
    /// @param entries 1 … 2048 entries by rising work id, in all chunks but the last 2048. An entry is 43 bytes: the work
    /// id without its top byte, which is zero, and the amount in CLN wei, big-endian, 12 bytes.
    function publishPayouts(uint64 epoch, uint32 index, bytes calldata entries) external;

    /// @notice Records the proven division of an epoch's inflow, in the place of one by fewer reveals.
    /// @param epoch The oldest one not settled, after its aggregation window.
    /// @param basis A known state. Carried money can be abandoned only after the grace; of two settlements by equally
    /// many reveals the one that does not is the better.
    /// @param settlement The division. The caller has published its payout list.
    /// @param proof Of `settlementValue(epoch, basis, settlement)`.
    function proveSettlement(uint64 epoch, Basis calldata basis, Settlement calldata settlement, bytes calldata proof)
        external;

    /// @notice Settles an epoch as proven: at once where no state has more reveals, else after the grace.
    ///
    /// Without a proof everything after the protocol's shares is unclaimed. That is so at once where there are neither
    /// reveals nor carried money, else after twice the grace, and only while a verifier of settlements is set.
    function settleEpoch(uint256 epochId) external;

    /// @notice Credits a work's payout to its payees of that epoch, once. They fetch it with `claim`.
    /// @param workId The work.
    /// @param epoch The epoch.
    /// @param amount CLN wei, as in the payout list.
    /// @param proof Merkle path.
    function withdraw(bytes32 workId, uint64 epoch, uint256 amount, bytes32[] calldata proof) external;

    /// @notice Sets both verifiers; zero for none. Owner only.
    function setVerifiers(address aggregation, address settlement) external;

    /// @notice The verifiers, zero where none is set.
    function verifiers() external view returns (address aggregation, address settlement);

    /// @notice The best state of an epoch: the one with the most reveals, of several the first.
    function rootsOf(uint64 epoch) external view returns (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals);

    /// @notice What is known of a state: reveals and units by tier on its whole branch. Of tiers that came after it there
    /// are no units, and no figures.
    function stateOf(uint64 epoch, bytes32 nullifierRoot, bytes32 totalsRoot)
        external
        view
        returns (bool known, uint64 reveals, uint64[] memory units);

    /// @notice The list that `publisher` has published for an epoch, as far as it goes.
    function publishedPayouts(uint64 epoch, address publisher)
        external
        view
        returns (bytes32 payoutsHash, uint32 chunks);

    /// @notice The settlement of an epoch as far as it is proven, and whether it is settled.
    function settlementOf(uint64 epoch) external view returns (Settlement memory settlement, bool proven, bool settled);

    /// @notice What the proven settlement of an epoch divides by, and its number of reveals; zeros without one.
    function basisOf(uint64 epoch) external view returns (Basis memory basis, uint64 reveals);

    /// @notice End of an epoch's grace, and of twice its grace: Unix times in seconds. Of the epoch to be settled next
    /// exactly; of later ones the earliest there can be.
    function graceOf(uint64 epoch) external view returns (uint64 endsAt, uint64 unprovenAt);

    /// @notice The epoch to be settled next.
    function nextEpoch() external view returns (uint64);

    /// @notice CLN wei of an epoch's payout list not yet withdrawn.
    function claimableOf(uint64 epoch) external view returns (uint256);

    /// @notice Whether a work's payout of an epoch was withdrawn.
    function isWithdrawn(uint64 epoch, bytes32 workId) external view returns (bool);

    /// @notice The whole money.
    function books() external view returns (Books memory);

    /// @notice What a settlement of an epoch on this basis must be made with. Final when the epoch before is settled.
    function settlementInputs(uint64 epoch, Basis calldata basis) external view returns (SettlementInputs memory);

    /// @notice Public value of an aggregate's proof: `keccak256(abi.encode(uint256 chainId, uint64 epoch, uint256 epochKey,
    /// uint256 noteRoot, bytes32 registryCommitment, bytes32[] tierIds, Aggregate aggregate, address coordinator))`.
    function aggregateValue(uint64 epoch, Aggregate calldata aggregate, address coordinator)
        external
        view
        returns (bytes32);

    /// @notice Public value of a settlement's proof: `keccak256(abi.encode(uint256 chainId, SettlementInputs inputs,
    /// Settlement settlement))`.
    function settlementValue(uint64 epoch, Basis calldata basis, Settlement calldata settlement)
        external
        view
        returns (bytes32);
}
