-- The indexes of names hold the other keys as well, as that of addresses does: a search by a name is answered from them alone,
-- whatever its order (ADR 0010).
DROP INDEX registrations_first_idx, registrations_last_idx, directory_entries_first_idx, directory_entries_last_idx;
CREATE INDEX registrations_first_idx ON registrations (pool, first_key, crid) INCLUDE (email_key, last_key) WHERE deleted_at IS NULL;
CREATE INDEX registrations_last_idx ON registrations (pool, last_key, crid) INCLUDE (email_key, first_key) WHERE deleted_at IS NULL;
CREATE INDEX directory_entries_first_idx ON directory_entries (pool, first_key, crid) INCLUDE (email_key, last_key);
CREATE INDEX directory_entries_last_idx ON directory_entries (pool, last_key, crid) INCLUDE (email_key, first_key);
