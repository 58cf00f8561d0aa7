-- What the chain says. Every row has the block that it comes from, so that a reorganisation takes it back.
CREATE TABLE works (
    work_id     BLOB NOT NULL PRIMARY KEY,
    creator_id  BLOB NOT NULL,
    block       BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX works_by_creator ON works (creator_id, work_id);

CREATE TABLE versions (
    work_id         BLOB NOT NULL,
    version         BIGINT NOT NULL,
    from_epoch      BIGINT NOT NULL,
    content_id      BLOB NOT NULL,
    manifest_id     BLOB NOT NULL,
    fp_id           BLOB NOT NULL,
    fp_hash         BLOB NOT NULL,
    access_classes  BIGINT NOT NULL,
    -- Shares of the payees, ppm, separated by commas.
    shares          TEXT NOT NULL,
    block           BIGINT NOT NULL,
    PRIMARY KEY (work_id, version)
) WITHOUT ROWID;
CREATE INDEX versions_by_manifest ON versions (manifest_id);
CREATE INDEX versions_by_fingerprint ON versions (fp_hash);
CREATE INDEX versions_by_epoch ON versions (from_epoch);

CREATE TABLE terms (
    work_id        BLOB NOT NULL,
    from_epoch     BIGINT NOT NULL,
    block          BIGINT NOT NULL,
    log_index      BIGINT NOT NULL,
    -- Micro-CLN; decimal, since it has 64 bits without sign.
    price_per_min  TEXT NOT NULL,
    region_rule    BLOB NOT NULL,
    PRIMARY KEY (work_id, from_epoch, block, log_index)
) WITHOUT ROWID;

CREATE TABLE statuses (
    work_id    BLOB NOT NULL,
    block      BIGINT NOT NULL,
    log_index  BIGINT NOT NULL,
    status     BIGINT NOT NULL,
    set_by     BLOB NOT NULL,
    reason     BLOB NOT NULL,
    PRIMARY KEY (work_id, block, log_index)
) WITHOUT ROWID;
CREATE INDEX statuses_by_status ON statuses (status);

CREATE TABLE creators (
    creator_id  BLOB NOT NULL PRIMARY KEY,
    account     BLOB NOT NULL,
    x           BLOB NOT NULL,
    y           BLOB NOT NULL,
    block       BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE creator_metadata (
    creator_id  BLOB NOT NULL,
    position    BIGINT NOT NULL,
    metadata    BLOB NOT NULL,
    block       BIGINT NOT NULL,
    PRIMARY KEY (creator_id, position)
) WITHOUT ROWID;

CREATE TABLE delegates (
    creator_id  BLOB NOT NULL,
    delegate    BLOB NOT NULL,
    block       BIGINT NOT NULL,
    log_index   BIGINT NOT NULL,
    roles       BIGINT NOT NULL,
    PRIMARY KEY (creator_id, delegate, block, log_index)
) WITHOUT ROWID;

CREATE TABLE region_rules (
    rule        BLOB NOT NULL,
    from_epoch  BIGINT NOT NULL,
    block       BIGINT NOT NULL,
    log_index   BIGINT NOT NULL,
    factor_ppm  BIGINT NOT NULL,
    PRIMARY KEY (rule, from_epoch, block, log_index)
) WITHOUT ROWID;

-- The newest blocks that were read, to find where a reorganisation begins.
CREATE TABLE blocks (
    number  BIGINT NOT NULL PRIMARY KEY,
    hash    BLOB NOT NULL
);

-- What creators hand over. It stands for itself: what it belongs to, the chain says.
CREATE TABLE manifests (
    manifest_id  BLOB NOT NULL,
    work_id      BLOB NOT NULL,
    creator_id   BLOB NOT NULL,
    content_id   BLOB NOT NULL,
    fp_id        BLOB NOT NULL,
    fp_hash      BLOB NOT NULL,
    work_type    TEXT NOT NULL,
    title        TEXT NOT NULL,
    json         BLOB NOT NULL,
    PRIMARY KEY (manifest_id)
);

CREATE TABLE descriptors (
    fp_hash     BLOB NOT NULL PRIMARY KEY,
    fp_id       BLOB NOT NULL,
    descriptor  BLOB NOT NULL
);

-- Works that look or sound alike, each pair in both directions.
CREATE TABLE duplicates (
    work_id         BLOB NOT NULL,
    other_id        BLOB NOT NULL,
    similarity_ppm  BIGINT NOT NULL,
    PRIMARY KEY (work_id, other_id)
) WITHOUT ROWID;
CREATE INDEX duplicates_by_other ON duplicates (other_id);

-- Works that the indices have to be brought up to date with; `marks` tells whether one was marked again meanwhile.
CREATE TABLE pending (
    work_id  BLOB NOT NULL PRIMARY KEY,
    marks    BIGINT NOT NULL
) WITHOUT ROWID;

-- chain: what this database is about; store: its own name; epoch: the chain's.
CREATE TABLE properties (
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL
);
