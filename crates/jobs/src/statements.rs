//! The queue's SQL: one text for both databases but for the clock and row locking.

/// Every statement, for one database.
pub(crate) struct Statements {
    pub(crate) enqueue: &'static str,
    pub(crate) by_name: &'static str,
    pub(crate) by_id: &'static str,
    pub(crate) list: &'static str,
    pub(crate) counts: &'static str,
    pub(crate) give_up: &'static str,
    pub(crate) lease: &'static str,
    pub(crate) renew: &'static str,
    pub(crate) hold: &'static str,
    pub(crate) put_result: &'static str,
    pub(crate) result: &'static str,
    pub(crate) complete: &'static str,
    pub(crate) fail: &'static str,
    pub(crate) release: &'static str,
    pub(crate) output: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) remove: &'static str,
    pub(crate) drop_results: &'static str,
}

macro_rules! statements {
    (now: $now:literal, lock: $lock:literal) => {
        Statements {
            enqueue: concat!(
                "INSERT INTO jobs (kind, job_key, payload, priority, max_attempts, state, attempts, not_before_ms, \
                 token, lease_until_ms, stage, progress_ppm, created_ms, updated_ms) \
                 VALUES ($1, $2, $3, $4, $5, 'queued', 0, 0, 0, 0, '', 0, ",
                $now,
                ", ",
                $now,
                ") ON CONFLICT (kind, job_key) DO NOTHING RETURNING id"
            ),
            by_name: "SELECT * FROM jobs WHERE kind = $1 AND job_key = $2",
            by_id: "SELECT * FROM jobs WHERE id = $1",
            list: "SELECT * FROM jobs WHERE id > $1 ORDER BY id LIMIT $2",
            counts: "SELECT state, COUNT(*) AS jobs FROM jobs WHERE kind = $1 GROUP BY state",
            give_up: concat!(
                "UPDATE jobs SET state = 'failed', error = 'every worker that had it stopped answering', updated_ms = ",
                $now,
                " WHERE kind = $1 AND state = 'leased' AND attempts >= max_attempts AND lease_until_ms <= ",
                $now
            ),
            lease: concat!(
                "UPDATE jobs SET state = 'leased', worker = $2, token = token + 1, attempts = attempts + 1, \
                 lease_until_ms = ",
                $now,
                " + $3, updated_ms = ",
                $now,
                " WHERE id = (SELECT id FROM jobs WHERE kind = $1 AND ((state = 'queued' AND not_before_ms <= ",
                $now,
                ") OR (state = 'leased' AND lease_until_ms <= ",
                $now,
                ")) ORDER BY priority DESC, id LIMIT 1 ",
                $lock,
                ") RETURNING *"
            ),
            renew: concat!(
                "UPDATE jobs SET lease_until_ms = ",
                $now,
                " + $3, stage = $4, progress_ppm = $5, updated_ms = ",
                $now,
                " WHERE id = $1 AND token = $2 AND state = 'leased'"
            ),
            hold: concat!(
                "UPDATE jobs SET updated_ms = ",
                $now,
                " WHERE id = $1 AND token = $2 AND state = 'leased'"
            ),
            put_result: "INSERT INTO stage_results (job_id, stage, result) VALUES ($1, $2, $3) \
                         ON CONFLICT (job_id, stage) DO UPDATE SET result = excluded.result",
            result: "SELECT result FROM stage_results WHERE job_id = $1 AND stage = $2",
            complete: concat!(
                "UPDATE jobs SET state = 'done', output = $3, error = NULL, progress_ppm = 1000000, updated_ms = ",
                $now,
                " WHERE id = $1 AND token = $2 AND state = 'leased'"
            ),
            fail: concat!(
                "UPDATE jobs SET state = CASE WHEN $3 < 0 OR attempts >= max_attempts THEN 'failed' ELSE 'queued' END, \
                 error = $4, not_before_ms = ",
                $now,
                " + $3, updated_ms = ",
                $now,
                " WHERE id = $1 AND token = $2 AND state = 'leased'"
            ),
            release: concat!(
                "UPDATE jobs SET state = 'queued', attempts = attempts - 1, updated_ms = ",
                $now,
                " WHERE id = $1 AND token = $2 AND state = 'leased'"
            ),
            output: "SELECT output FROM jobs WHERE id = $1 AND state = 'done'",
            retry: concat!(
                "UPDATE jobs SET state = 'queued', attempts = 0, not_before_ms = 0, updated_ms = ",
                $now,
                " WHERE id = $1 AND state = 'failed'"
            ),
            remove: "DELETE FROM jobs WHERE id = $1 AND state <> 'leased'",
            drop_results: "DELETE FROM stage_results WHERE job_id = $1",
        }
    };
}

pub(crate) static SQLITE: Statements = statements!(now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)", lock: "");

pub(crate) static POSTGRES: Statements = statements!(
    now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    lock: "FOR UPDATE SKIP LOCKED"
);
