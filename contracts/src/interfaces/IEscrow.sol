// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IEscrow
/// @notice Money for commissioned work, held until milestones are accepted. The contractor offers terms, the client opens
/// the job by paying them; the id is the hash of the terms, so both mean the same.
interface IEscrow {
    /// @notice A job's life. `Closed`: all money went one way or the other.
    enum State {
        None,
        Offered,
        Open,
        Disputed,
        Closed
    }

    /// @notice What the contractor offers.
    struct Terms {
        /// @dev Makes the hash unique.
        bytes32 salt;
        /// @dev Paid as a work when not zero, by its splits; else the contractor alone is paid.
        bytes32 workId;
        /// @dev Who may open it; zero for anybody.
        address client;
        /// @dev Decides disputes; zero for nobody.
        address arbitrator;
        /// @dev Unix time in seconds: from then on the rest can be refunded.
        uint64 deadline;
        /// @dev CLN wei of each milestone, in order.
        uint128[] milestones;
    }

    /// @notice A job.
    struct Job {
        address contractor;
        address client;
        address arbitrator;
        bytes32 workId;
        uint64 deadline;
        /// @dev Unix time in seconds of the dispute.
        uint64 disputedAt;
        /// @dev Number of milestones released.
        uint8 released;
        State state;
        /// @dev CLN wei still held.
        uint128 held;
        uint128[] milestones;
    }

    /// @notice Terms were offered.
    event JobOffered(bytes32 indexed jobId, address indexed contractor, Terms terms);
    /// @notice The contractor took its offer back.
    event OfferWithdrawn(bytes32 indexed jobId);
    /// @notice The client paid `amount` CLN wei into escrow.
    event JobOpened(bytes32 indexed jobId, address indexed client, uint256 amount);
    /// @notice Milestone number `milestone`, `amount` CLN wei, was released.
    event MilestoneReleased(bytes32 indexed jobId, uint256 milestone, uint256 amount);
    /// @notice The rest went back to the client.
    event JobRefunded(bytes32 indexed jobId, uint256 amount);
    /// @notice A party called for a decision over `amount` CLN wei. `notified`: whether the arbitrator took notice.
    event JobDisputed(bytes32 indexed jobId, address indexed by, uint256 amount, bool notified);
    /// @notice The arbitrator divided the rest.
    event JobRuled(bytes32 indexed jobId, uint256 toContractor, uint256 toClient);
    /// @notice The arbitrator did not rule in time; the job goes on as if undisputed.
    event DisputeLapsed(bytes32 indexed jobId);

    /// @notice The job is in state `current`, which does not allow this.
    error WrongState(bytes32 jobId, State current);
    /// @notice No milestones, too many, one of zero, or a sum above 2¹²⁸ − 1; or a deadline in the past.
    error TermsInvalid();
    /// @notice `given` CLN wei (or the stated amount) is not the sum of the milestones, `required`.
    error WrongAmount(uint256 given, uint256 required);
    /// @notice The caller is not the party that may do this.
    error NotParty(address caller);
    /// @notice Refunds begin at `deadline`, Unix time in seconds, except by the contractor.
    error DeadlineNotReached(uint64 deadline);
    /// @notice The job has no arbitrator, or its one dispute has lapsed.
    error NoArbitrator(bytes32 jobId);
    /// @notice The call has too little gas to tell the arbitrator: at least `required` must be left.
    error NoticeGasMissing(uint256 given, uint256 required);
    /// @notice The arbitrator's time ends at this Unix time in seconds.
    error ArbitrationRunning(uint64 until);
    /// @notice A share is at most 1 000 000 ppm.
    error ShareInvalid(uint256 contractorPpm);

    /// @notice Offers terms. The caller is the contractor.
    function offer(Terms calldata terms) external returns (bytes32 jobId);

    /// @notice Takes an offer back that nobody has opened.
    function withdrawOffer(bytes32 jobId) external;

    /// @notice Accepts an offer and pays for it. The caller becomes the client.
    /// @param amount Sum of the milestones, CLN wei; to be sent along.
    function open(bytes32 jobId, uint256 amount) external payable;

    /// @notice Releases the next milestone. Client only.
    function release(bytes32 jobId) external;

    /// @notice Gives the client the rest back: anybody after the deadline, the contractor at any time.
    function refund(bytes32 jobId) external;

    /// @notice Stops releases and refunds until the arbitrator rules or its time is over. Either party.
    function dispute(bytes32 jobId) external;

    /// @notice Divides the rest. Arbitrator only.
    /// @param contractorPpm Share of the contractor in ppm.
    function rule(bytes32 jobId, uint256 contractorPpm) external;

    /// @notice Ends a dispute that the arbitrator left undecided. Anybody. It cannot be disputed again.
    function lapse(bytes32 jobId) external;

    /// @notice The job.
    function jobOf(bytes32 jobId) external view returns (Job memory);

    /// @notice Id of the job that these terms of this contractor make.
    function jobIdOf(address contractor, Terms calldata terms) external view returns (bytes32);

    /// @notice CLN wei held for all jobs. With what is owed, never more than this contract's balance.
    function totalHeld() external view returns (uint256);
}
