-- The directory: what a provider is known to have, joined with the registrations, one row for each user of a federated pool.
--
-- Everything but the profile and its dates is computed in Rust by masthead-domain's merge, in the transaction of the
-- registration or the profile that it is made of. Who writes entries holds the pool's row of directories, so that two writers
-- of one pool never join the same accounts apart. Why it is so: docs/adr/0070 and after.

CREATE TABLE directories (
    pool          bigint NOT NULL CONSTRAINT directories_pkey PRIMARY KEY
                  CONSTRAINT directories_pool_fkey REFERENCES pools (id),
    -- Whose profiles these are, and by which field precedence the entries were merged.
    provider      text COLLATE "C" NOT NULL,
    precedence    text COLLATE "C" NOT NULL,
    -- Registrations up to this number are entered; NULL once all are.
    entered_to    bigint,
    -- When the last run that came to its end began, and the last about everything.
    as_of         timestamptz,
    full_as_of    timestamptz,
    braked_at     timestamptz,
    -- The run under way: whoever takes it up gives it the next number. No run where run_started is NULL.
    run           bigint NOT NULL DEFAULT 0,
    run_started   timestamptz,
    -- NULL: about everything.
    run_since     timestamptz,
    run_place     text COLLATE "C",
    run_walked    boolean NOT NULL DEFAULT false,
    run_truncated boolean NOT NULL DEFAULT false,
    lease_holder  text COLLATE "C",
    lease_until   timestamptz
);

CREATE TABLE directory_entries (
    -- No foreign keys: whoever writes an entry holds the row of directories and has just read the registration, and each
    -- check would be paid by every write of a registration.
    pool            bigint NOT NULL,
    registration_id bigint,
    registered_at   timestamptz,
    changed_at      timestamptz,
    profile_as_of   timestamptz,
    missing_at      timestamptz,
    -- How many times the profile was confirmed to be missing, up to missing_at.
    missing         smallint NOT NULL DEFAULT 0,
    verified        boolean NOT NULL,
    -- Registration and profile are joined by their address, and have different ids.
    by_email        boolean NOT NULL,
    -- The tokens are those of the registration of the same id, and are kept there alone: their index is what a write costs.
    shares_tokens   boolean NOT NULL,
    -- The profile's where there is one.
    crid            text COLLATE "C" NOT NULL,
    email_key       text COLLATE "C" NOT NULL,
    first_key       text COLLATE "C" NOT NULL,
    last_key        text COLLATE "C" NOT NULL,
    -- The key of the profile's address, '' for none, where it is not the entry's; else NULL.
    profile_email   text COLLATE "C",
    profile         json,
    tokens          bigint[] NOT NULL,
    CONSTRAINT directory_entries_pkey PRIMARY KEY (pool, crid),
    CONSTRAINT directory_entries_somebody_check CHECK (registration_id IS NOT NULL OR profile IS NOT NULL),
    CONSTRAINT directory_entries_tokens_check CHECK (NOT shares_tokens OR tokens = '{}'),
    CONSTRAINT directory_entries_as_of_check CHECK ((profile IS NULL) = (profile_as_of IS NULL))
)
-- Room for a new date beside the old row: a walk that finds everything as it was touches no index.
WITH (fillfactor = 85);

-- As registrations: tokens out of line, what a page needs in the row.
ALTER TABLE directory_entries ALTER COLUMN profile SET STORAGE MAIN;
ALTER TABLE directory_entries SET (toast_tuple_target = 512);

-- The orders of the contract with their tie-break; of a federated pool every state is the same. The key is the order by id.
CREATE INDEX directory_entries_email_idx ON directory_entries (pool, email_key, crid) INCLUDE (first_key, last_key);
CREATE INDEX directory_entries_first_idx ON directory_entries (pool, first_key, crid);
CREATE INDEX directory_entries_last_idx ON directory_entries (pool, last_key, crid);
CREATE INDEX directory_entries_verified_idx ON directory_entries (pool, verified, crid);
CREATE INDEX directory_entries_registered_idx ON directory_entries (pool, registered_at, crid);
CREATE INDEX directory_entries_changed_idx ON directory_entries (pool, changed_at, crid);

-- Joining by address.
CREATE INDEX directory_entries_by_email_idx ON directory_entries (pool, email_key) WHERE by_email;
CREATE INDEX directory_entries_profile_email_idx ON directory_entries (pool, profile_email) WHERE profile_email <> '';

CREATE INDEX directory_entries_tokens_idx ON directory_entries USING gin (tokens) WITH (gin_pending_list_limit = 512);
