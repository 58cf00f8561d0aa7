-- Times are milliseconds since 1970 by the database's clock.
CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT NOT NULL,
    job_key         TEXT NOT NULL,
    payload         TEXT NOT NULL,
    priority        BIGINT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'failed')),
    attempts        BIGINT NOT NULL,
    max_attempts    BIGINT NOT NULL CHECK (max_attempts > 0),
    not_before_ms   BIGINT NOT NULL,
    worker          TEXT,
    -- Rises with every lease: what an earlier holder still writes is refused by it.
    token           BIGINT NOT NULL,
    lease_until_ms  BIGINT NOT NULL,
    stage           TEXT NOT NULL,
    progress_ppm    BIGINT NOT NULL CHECK (progress_ppm BETWEEN 0 AND 1000000),
    error           TEXT,
    output          BLOB,
    created_ms      BIGINT NOT NULL,
    updated_ms      BIGINT NOT NULL,
    UNIQUE (kind, job_key)
);

CREATE INDEX jobs_by_turn ON jobs (kind, state, priority DESC, id);

CREATE TABLE stage_results (
    job_id  BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    stage   TEXT NOT NULL,
    result  BLOB NOT NULL,
    PRIMARY KEY (job_id, stage)
);
