-- The index of ids with its two small columns in the order that needs no padding: 8 bytes less for an id of 36 characters. It takes the
-- place of the former one in migration 0032. Until then the former index reports each violation, since it is checked first.
-- compatible-with: 28
-- needed: no
-- run: concurrently

CREATE UNIQUE INDEX CONCURRENTLY registrations_crid_new ON registrations (pool, crid) INCLUDE (verified, state) WHERE deleted_at IS NULL;
