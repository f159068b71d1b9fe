-- Erasures of persons with their receipts, and the last day on which a user signed in (docs/adr/0139-an-erasure-leaves-a-receipt.md).
-- compatible-with: 15

-- Nothing here is personal: ids and addresses are keyed hashes, as in `tombstones`.
CREATE TABLE erasures (
    id             bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT erasures_pkey PRIMARY KEY,
    pool           bigint NOT NULL,
    requested_at   timestamptz NOT NULL,
    -- When the rest of it is tried next; NULL once nothing is left.
    due_at         timestamptz,
    -- When every place of this database was cleared.
    finished_at    timestamptz,
    attempts       integer NOT NULL DEFAULT 0,
    tenant         text COLLATE "C" NOT NULL,
    request_id     text COLLATE "C" NOT NULL,
    source_system  text COLLATE "C" NOT NULL,
    -- Of the ids and the addresses of the person.
    hashes         bytea[] NOT NULL,
    -- Of its counters of failed sign-ins; empty once they are deleted.
    attempt_keys   bytea[] NOT NULL,
    -- The numbers by which events name the person; empty once none does any more.
    numbers        bigint[] NOT NULL,
    -- What each source answered.
    receipt        json NOT NULL,
    CONSTRAINT erasures_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX erasures_due_idx ON erasures (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX erasures_requested_idx ON erasures (requested_at);
CREATE INDEX erasures_hashes_idx ON erasures USING gin (hashes);

-- The last day on which a user of our store signed in, for `Retention.InactiveMonths`. A sign-in writes it once a day.
CREATE TABLE last_sign_ins (
    pool            bigint NOT NULL,
    registration_id bigint NOT NULL,
    on_day          date NOT NULL,
    CONSTRAINT last_sign_ins_pkey PRIMARY KEY (pool, registration_id)
);

-- The day on which the row was stored, as an activity: imports bring dates of the past. Rows of before have the day of this migration.
ALTER TABLE registrations ADD COLUMN stored_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;

-- The day since which every sign-in of the pool's users is known: anew when a tenant's users no longer sign in elsewhere.
ALTER TABLE pools ADD COLUMN sign_ins_since date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;

-- An erasure ends the open writes of the person.
-- allowed: the table has the writes that are not finished, a few
CREATE INDEX write_intents_crid_idx ON write_intents (pool, crid) WHERE crid IS NOT NULL;

-- Takes a person out of the events of a pool: they stay, and name nobody. With the owner's rights, since the role of servers
-- changes no event (deploy/postgres/roles.sql). Returns how many it has changed.
CREATE FUNCTION forget_event_user (of_pool bigint, numbers bigint[]) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number  bigint;
    changed bigint;
    total   bigint := 0;
BEGIN
    -- An equality for each number: summaries of blocks cannot be searched for an array.
    FOREACH number IN ARRAY numbers LOOP
        UPDATE events SET registration_id = NULL, filter_hash = CASE WHEN filter_hash IS NOT NULL THEN 0 END,
               user_ids = nullif(array(SELECT u FROM unnest(user_ids) AS u WHERE u <> ALL (numbers)), '{}')
         WHERE registration_id = number AND pool = of_pool;
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
    END LOOP;
    UPDATE events SET filter_hash = CASE WHEN filter_hash IS NULL OR users > 1 THEN filter_hash ELSE 0 END,
           user_ids = nullif(array(SELECT u FROM unnest(user_ids) AS u WHERE u <> ALL (numbers)), '{}')
     WHERE user_ids && numbers AND pool = of_pool;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN total + changed;
END $$;

REVOKE ALL ON FUNCTION forget_event_user (bigint, bigint[]) FROM PUBLIC;
