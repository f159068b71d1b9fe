-- How many users each pool has, by state and verification, and a mark that changes with every change of its rows
-- (docs/adr/0115-totals-are-maintained-by-statement-triggers.md).
--
-- Every statement that writes users adds rows with its differences; no row is updated, so writers of one pool never wait for
-- each other. A total is the sum over the rows of its pool, exact for the snapshot of the reader. The XOR of the marks is
-- the version of the pool: it is equal for two snapshots only if they have the same rows of users. From time to time
-- the server replaces the rows of a pool by their sums and the XOR of their marks.

CREATE TABLE registration_totals (
    pool     bigint NOT NULL,
    state    smallint NOT NULL,
    verified boolean NOT NULL,
    -- The difference that a statement made; 0 if it changed only other columns.
    users    bigint NOT NULL,
    -- Random.
    mark     bigint NOT NULL,
    CONSTRAINT registration_totals_pkey PRIMARY KEY (pool, mark)
);

-- A table of its own, so that a dump without the tables of the mirror (`mirror*`) has none of their totals.
CREATE TABLE mirror_totals (
    pool     bigint NOT NULL,
    verified boolean NOT NULL,
    users    bigint NOT NULL,
    mark     bigint NOT NULL,
    CONSTRAINT mirror_totals_pkey PRIMARY KEY (pool, mark)
);

-- The tables stay small only if dead rows go soon. To shorten the file would end the queries of replicas that read it.
ALTER TABLE registration_totals SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000, vacuum_truncate = false);
ALTER TABLE mirror_totals SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000, vacuum_truncate = false);

-- `bit_xor` of PostgreSQL 14 and newer.
CREATE AGGREGATE xor_agg (bigint) (SFUNC = int8xor, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8xor, PARALLEL = SAFE);

-- `pg_catalog.random()` has 48 or 52 random bits.
CREATE FUNCTION random_mark() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS
    'SELECT uuid_hash_extended(gen_random_uuid(), 0)';

-- Rows that were and stay deleted change no list.
CREATE FUNCTION add_registration_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO registration_totals (pool, state, verified, users, mark)
        SELECT pool, state, verified, count(*), random_mark()
          FROM new_rows WHERE deleted_at IS NULL GROUP BY pool, state, verified;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO registration_totals (pool, state, verified, users, mark)
        SELECT pool, state, verified, sum(difference), random_mark()
          FROM (SELECT pool, state, verified, 1 AS difference FROM new_rows WHERE deleted_at IS NULL
                UNION ALL SELECT pool, state, verified, -1 FROM old_rows WHERE deleted_at IS NULL) AS changed
         GROUP BY pool, state, verified;
    ELSE
        INSERT INTO registration_totals (pool, state, verified, users, mark)
        SELECT pool, state, verified, -count(*), random_mark()
          FROM old_rows WHERE deleted_at IS NULL GROUP BY pool, state, verified;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION add_mirror_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO mirror_totals (pool, verified, users, mark)
        SELECT pool, verified, count(*), random_mark() FROM new_rows GROUP BY pool, verified;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO mirror_totals (pool, verified, users, mark)
        SELECT pool, verified, sum(difference), random_mark()
          FROM (SELECT pool, verified, 1 AS difference FROM new_rows
                UNION ALL SELECT pool, verified, -1 FROM old_rows) AS changed
         GROUP BY pool, verified;
    ELSE
        INSERT INTO mirror_totals (pool, verified, users, mark)
        SELECT pool, verified, -count(*), random_mark() FROM old_rows GROUP BY pool, verified;
    END IF;
    RETURN NULL;
END $$;

-- The lock keeps rows from being replaced meanwhile: the new ones would not be deleted.
CREATE FUNCTION remove_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'registrations' THEN
        LOCK TABLE registration_totals IN SHARE ROW EXCLUSIVE MODE;
        DELETE FROM registration_totals;
    ELSE
        LOCK TABLE mirror_totals IN SHARE ROW EXCLUSIVE MODE;
        DELETE FROM mirror_totals;
    END IF;
    RETURN NULL;
END $$;

-- For this migration, and for operators who have written users while the triggers were off.
CREATE FUNCTION recount_totals() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE registrations, mirror_entries IN SHARE MODE;
    LOCK TABLE registration_totals, mirror_totals IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM registration_totals;
    DELETE FROM mirror_totals;
    INSERT INTO registration_totals (pool, state, verified, users, mark)
    SELECT pool, state, verified, count(*), random_mark()
      FROM registrations WHERE deleted_at IS NULL GROUP BY pool, state, verified;
    INSERT INTO mirror_totals (pool, verified, users, mark)
    SELECT pool, verified, count(*), random_mark() FROM mirror_entries GROUP BY pool, verified;
END $$;

CREATE TRIGGER registrations_inserted_totals AFTER INSERT ON registrations REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_registration_totals();
CREATE TRIGGER registrations_updated_totals AFTER UPDATE ON registrations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_registration_totals();
CREATE TRIGGER registrations_deleted_totals AFTER DELETE ON registrations REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_registration_totals();
CREATE TRIGGER registrations_truncated_totals AFTER TRUNCATE ON registrations
    FOR EACH STATEMENT EXECUTE FUNCTION remove_totals();

CREATE TRIGGER mirror_entries_inserted_totals AFTER INSERT ON mirror_entries REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_mirror_totals();
CREATE TRIGGER mirror_entries_updated_totals AFTER UPDATE ON mirror_entries REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_mirror_totals();
CREATE TRIGGER mirror_entries_deleted_totals AFTER DELETE ON mirror_entries REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION add_mirror_totals();
CREATE TRIGGER mirror_entries_truncated_totals AFTER TRUNCATE ON mirror_entries
    FOR EACH STATEMENT EXECUTE FUNCTION remove_totals();

SELECT recount_totals();
