-- What search reads, made narrow (docs/adr/0117-search-by-need.md): a reader costs a third of what it did.
--
-- Parts of an address are found by its trigrams (extension pg_trgm) in one index with the pool (extension btree_gin) and the
-- search terms, which are now those of metadata and of unusual characters only. Both extensions are part of PostgreSQL and may
-- be created by the owner of the database. `masthead migrate` computes the terms after the migrations.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

DROP INDEX registrations_crid_key, registrations_email_idx, registrations_email_key, registrations_first_idx,
    registrations_last_idx, registrations_state_idx, registrations_verified_idx, registrations_registered_idx,
    registrations_changed_idx, registrations_search_terms_idx;

-- Rewrites the table, and so returns the space of the former terms.
ALTER TABLE registrations
    DROP CONSTRAINT registrations_deleted_check,
    ALTER COLUMN search_terms TYPE integer[] USING '{}',
    ADD CONSTRAINT registrations_deleted_check CHECK (deleted_at IS NULL OR search_terms = '{}');
ALTER TABLE registrations RESET (toast_tuple_target);

-- The order by id, and by state and verification: each of their few values is the order by id.
CREATE UNIQUE INDEX registrations_crid_key ON registrations (pool, crid) INCLUDE (state, verified) WHERE deleted_at IS NULL;
CREATE INDEX registrations_state_idx ON registrations (pool, state, verified) WHERE deleted_at IS NULL;
-- The order by address, look-ups by address, and the rule that an address is unique where Masthead masters the accounts: there
-- the third column is the same for all.
CREATE UNIQUE INDEX registrations_email_key ON registrations
    (pool, email_key, (CASE WHEN masters_accounts AND email_key <> '' THEN '' ELSE crid END))
    INCLUDE (crid, first_key, last_key) WHERE deleted_at IS NULL;
-- Users with equal values are sorted by id when they are read: an index entry with the id would be three times as wide.
CREATE INDEX registrations_first_idx ON registrations (pool, first_key) WHERE deleted_at IS NULL;
CREATE INDEX registrations_last_idx ON registrations (pool, last_key) WHERE deleted_at IS NULL;
CREATE INDEX registrations_registered_idx ON registrations (pool, registered_at) WHERE deleted_at IS NULL;
CREATE INDEX registrations_changed_idx ON registrations (pool, changed_at) WHERE deleted_at IS NULL;

-- `pool + 0`: no other index is on this expression, so that a statement can demand this index. Punctuation is indexed as rare
-- letters, since pg_trgm takes it for the end of a word. The index is not partial: Postgres does not use the statistics of a partial
-- index of expressions (findings/pg-partial-index-statistics.sh).
CREATE INDEX registrations_search_idx ON registrations USING gin (
    (pool + 0),
    (translate(email_key, ' !"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', 'wwwwwwwwwwwkwzxwwwwwwwqwwwwjwwwww')) gin_trgm_ops,
    search_terms
) WITH (gin_pending_list_limit = 512);

DROP INDEX mirror_entries_search_terms_idx;
ALTER TABLE mirror_entries
    DROP CONSTRAINT mirror_entries_search_terms_check,
    DROP COLUMN shares_search_terms,
    ALTER COLUMN search_terms TYPE integer[] USING '{}';
ALTER TABLE mirror_entries RESET (toast_tuple_target);
CREATE INDEX mirror_entries_search_idx ON mirror_entries USING gin (
    (pool + 0),
    (translate(email_key, ' !"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', 'wwwwwwwwwwwkwzxwwwwwwwqwwwwjwwwww')) gin_trgm_ops,
    search_terms
) WITH (gin_pending_list_limit = 512);
