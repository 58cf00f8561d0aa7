-- How often the fingerprint index could not take a work since it was last marked, why, and when it is tried again
-- (seconds since 1970). After the last try it stays here with its reason.
ALTER TABLE pending ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN reason TEXT;
ALTER TABLE pending ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0;
