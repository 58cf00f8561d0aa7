-- No table has a time or a number that rises with arrival: what is known of a reveal is what it says.
CREATE TABLE reveals (
    epoch      BIGINT NOT NULL,
    nullifier  BLOB NOT NULL,
    record     BLOB NOT NULL,
    -- 1 when no proof can be made with it: it is never put into an aggregate again.
    refused    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, nullifier)
) WITHOUT ROWID;

-- Beside the reveals, because they are many times larger.
CREATE TABLE reveal_proofs (
    epoch      BIGINT NOT NULL,
    nullifier  BLOB NOT NULL,
    proof      BLOB NOT NULL,
    PRIMARY KEY (epoch, nullifier)
) WITHOUT ROWID;

-- Steps from one state to another, and what each adds: our aggregates, those that peers handed over, and states of
-- others as one step from the empty one.
CREATE TABLE aggregates (
    epoch                   BIGINT NOT NULL,
    nullifier_root_after    BLOB NOT NULL,
    totals_root_after       BLOB NOT NULL,
    nullifier_root_before   BLOB NOT NULL,
    totals_root_before      BLOB NOT NULL,
    effect                  TEXT NOT NULL,
    nullifiers              BLOB NOT NULL,
    totals                  BLOB NOT NULL,
    stage                   TEXT NOT NULL CHECK (stage IN ('planned', 'proven', 'data')),
    -- What stands before the prover's output in the proof.
    head                    BLOB NOT NULL,
    proof                   BLOB,
    PRIMARY KEY (epoch, nullifier_root_after, totals_root_after)
) WITHOUT ROWID;

-- The account's transactions that may still be on their way.
CREATE TABLE transactions (
    nonce     BIGINT NOT NULL PRIMARY KEY,
    purpose   TEXT NOT NULL,
    hash      BLOB NOT NULL,
    raw       BLOB NOT NULL
);

-- What settled epochs carried on.
CREATE TABLE carried (
    epoch    BIGINT NOT NULL,
    root     BLOB NOT NULL,
    entries  BLOB NOT NULL,
    PRIMARY KEY (epoch, root)
) WITHOUT ROWID;
