-- no-transaction
-- The audit log names who, and is kept by partitions of the month until which a row is kept (docs/adr/0126-the-audit-log-names-who.md).
--
-- Without a transaction around the whole: the old table is read once, to prove that its rows belong to its partition, and only
-- the second step does so, under a lock that lets readers and writers pass. Each step may be repeated after a failure. A
-- server of version 15 may write before, meanwhile and afterwards: `expires_on` has a default.

BEGIN;
DO $$ BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'events'::regclass) = 'r' THEN
        -- The default is constant, so no row is written.
        ALTER TABLE events
            ADD COLUMN IF NOT EXISTS expires_on date NOT NULL DEFAULT '0001-01-01',
            ADD COLUMN IF NOT EXISTS caller bigint,
            ADD COLUMN IF NOT EXISTS token_id text COLLATE "C",
            ADD COLUMN IF NOT EXISTS filter_kind text COLLATE "C",
            ADD COLUMN IF NOT EXISTS filter_hash bigint,
            ADD COLUMN IF NOT EXISTS user_ids bigint[],
            ADD COLUMN IF NOT EXISTS detail json;
        ALTER TABLE events DROP CONSTRAINT IF EXISTS events_expires_check;
        ALTER TABLE events ADD CONSTRAINT events_expires_check CHECK (expires_on < '0001-02-01') NOT VALID;
    END IF;
END $$;
COMMIT;

BEGIN;
DO $$ BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'events'::regclass) = 'r' THEN
        ALTER TABLE events VALIDATE CONSTRAINT events_expires_check;
    END IF;
END $$;
COMMIT;

BEGIN;
-- The caller of events: issuer, subject and client of a token. The id is a hash of the three. Not unique: writers must not
-- wait for one another, and a caller that two of them add at once is there twice.
CREATE TABLE IF NOT EXISTS event_callers (
    id        bigint NOT NULL,
    issuer    text COLLATE "C" NOT NULL,
    subject   text COLLATE "C",
    client_id text COLLATE "C"
);
CREATE INDEX IF NOT EXISTS event_callers_id_idx ON event_callers (id);
CREATE INDEX IF NOT EXISTS event_callers_subject_idx ON event_callers (subject);
CREATE INDEX IF NOT EXISTS event_callers_client_idx ON event_callers (client_id);

-- Each process that writes events of reads, and what it has lost. `written` changes in the transaction of the events, so it
-- is their number also after a failover. One without `stopped_at` whose `flushed_at` is old has ended without its last events.
CREATE TABLE IF NOT EXISTS event_writers (
    id         uuid CONSTRAINT event_writers_pkey PRIMARY KEY,
    started_at timestamptz NOT NULL,
    flushed_at timestamptz NOT NULL,
    stopped_at timestamptz,
    recorded   bigint NOT NULL,
    written    bigint NOT NULL,
    dropped    bigint NOT NULL,
    process    text COLLATE "C" NOT NULL
);
CREATE INDEX IF NOT EXISTS event_writers_flushed_idx ON event_writers (flushed_at);

-- The indexes of a partition. Reads are found by users and callers, through summaries of blocks that cost a writer nothing:
-- blocks that are not summarised yet are read. Changes are found by their numbers, and rare kinds by their time.
CREATE OR REPLACE FUNCTION index_event_partition(part text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (pool, id) WHERE kind NOT IN (4000, 4001, 4601, 4902, 4907, 4909)',
                   part || '_changes_key', part);
    EXECUTE format('CREATE INDEX %I ON %I (kind, at) WHERE kind >= 4907', part || '_rare_idx', part);
    EXECUTE format('CREATE INDEX %I ON %I USING gin (user_ids) WHERE user_ids IS NOT NULL', part || '_users_idx', part);
    IF current_setting('server_version_num')::integer >= 140000 THEN
        EXECUTE format('CREATE INDEX %I ON %I USING brin (at,
                            registration_id int8_bloom_ops (n_distinct_per_range = 2048, false_positive_rate = 0.005),
                            caller int8_bloom_ops (n_distinct_per_range = 64))
                            WITH (pages_per_range = 64, autosummarize = on)', part || '_reads_idx', part);
    ELSE
        -- Before version 14 there are no such summaries.
        EXECUTE format('CREATE INDEX %I ON %I (registration_id, at)', part || '_reads_idx', part);
        EXECUTE format('CREATE INDEX %I ON %I (caller, at)', part || '_callers_idx', part);
    END IF;
END $$;

-- Adds the partition of the rows that are kept until this month; false if it is there. Rows that came before it are moved.
CREATE OR REPLACE FUNCTION add_event_partition(month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    part  text := 'events_until_' || to_char(month, 'YYYY_MM');
    first date := date_trunc('month', month)::date;
    after date := (date_trunc('month', month) + interval '1 month')::date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('masthead event partitions'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS)', part);
    PERFORM index_event_partition(part);
    EXECUTE format('WITH moved AS (DELETE FROM events_default WHERE expires_on >= %L AND expires_on < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', first, after, part);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, after);
    RETURN true;
END $$;

DO $$
DECLARE next bigint;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'events'::regclass) = 'r' THEN
        next := nextval(pg_get_serial_sequence('events', 'id'));
        ALTER TABLE events ALTER COLUMN id DROP IDENTITY;
        EXECUTE format('CREATE SEQUENCE event_ids START WITH %s', next);
        ALTER TABLE events RENAME TO events_before_partitions;
        CREATE TABLE events (
            pool            bigint NOT NULL,
            id              bigint NOT NULL DEFAULT nextval('event_ids'),
            kind            integer NOT NULL,
            at              timestamptz NOT NULL,
            tenant          text COLLATE "C" NOT NULL,
            request_id      text COLLATE "C" NOT NULL,
            source_system   text COLLATE "C" NOT NULL,
            outcome         text COLLATE "C" NOT NULL,
            registration_id bigint,
            users           bigint NOT NULL,
            -- The network or the address of the caller, or nothing, as the server's settings say.
            network         text COLLATE "C",
            -- The day after which the row may go.
            expires_on      date NOT NULL DEFAULT (CURRENT_DATE + 400),
            -- event_callers.id
            caller          bigint,
            token_id        text COLLATE "C",
            filter_kind     text COLLATE "C",
            filter_hash     bigint,
            -- The users that were read, unless `registration_id` is the only one: numbers of registrations, and below zero
            -- keyed hashes of the ids of users that have no registration.
            user_ids        bigint[],
            detail          json
        ) PARTITION BY RANGE (expires_on);
        ALTER SEQUENCE event_ids OWNED BY events.id;
        IF EXISTS (SELECT FROM events_before_partitions) THEN
            ALTER TABLE events ATTACH PARTITION events_before_partitions FOR VALUES FROM (MINVALUE) TO ('0001-02-01');
            ALTER TABLE events_before_partitions DROP CONSTRAINT events_expires_check;
            EXECUTE format('COMMENT ON TABLE events_before_partitions IS %L', current_date);
        ELSE
            DROP TABLE events_before_partitions;
        END IF;
        CREATE TABLE events_default PARTITION OF events DEFAULT;
        PERFORM index_event_partition('events_default');
        PERFORM add_event_partition((CURRENT_DATE + 400)::date);
        PERFORM add_event_partition((CURRENT_DATE + 431)::date);
    END IF;
END $$;
COMMIT;
