-- Pools, the tenants that draw on them, and the registrations in them.
--
-- Every text that is compared is normalised in Rust when it is written and compared by its bytes (COLLATE "C"); no query
-- calls a function on a column. Why the search works as it does: docs/adr/0010-search-by-tokens.md.

CREATE TABLE pools (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text COLLATE "C" NOT NULL CONSTRAINT pools_name_key UNIQUE,
    -- Masthead itself masters these accounts (MG2), so an address names one of them. False where an outside provider
    -- does: it may hold several accounts of one address.
    masters_accounts boolean NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pools_id_masters_accounts_key UNIQUE (id, masters_accounts)
);

CREATE TABLE tenants (
    client_group text COLLATE "C" NOT NULL,
    client       text COLLATE "C" NOT NULL,
    paper        text COLLATE "C" NOT NULL,
    pool         bigint NOT NULL CONSTRAINT tenants_pool_fkey REFERENCES pools (id),
    -- An object of texts, by the names that the settings table of masthead-domain lists.
    settings     json NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (client_group, client, paper)
);

CREATE INDEX tenants_pool_idx ON tenants (pool);

CREATE TABLE registrations (
    pool             bigint NOT NULL,
    id               bigint GENERATED ALWAYS AS IDENTITY,
    registered_at    timestamptz,
    changed_at       timestamptz,
    last_logout_at   timestamptz,
    deleted_at       timestamptz,
    -- The rank of the state that a tenant without a provider sees: 0 Lite, 1 Standard, 2 Unverified.
    state            smallint NOT NULL,
    verified         boolean NOT NULL,
    -- A copy of the pool's, kept equal by the foreign key, for the index that makes addresses unique.
    masters_accounts boolean NOT NULL,
    crid             text COLLATE "C" NOT NULL,
    -- '' where there is no address.
    email_key        text COLLATE "C" NOT NULL,
    first_key        text COLLATE "C" NOT NULL,
    last_key         text COLLATE "C" NOT NULL,
    -- The address as typed, where that is not its key.
    email_typed      text COLLATE "C",
    first_name       text COLLATE "C" NOT NULL,
    last_name        text COLLATE "C" NOT NULL,
    password_hash    text COLLATE "C",
    -- Verbatim, as an object of texts: json keeps its text, so that reading it costs nothing.
    metadata         json NOT NULL,
    -- What partial search looks at; empty once the row is deleted.
    tokens           bigint[] NOT NULL,
    CONSTRAINT registrations_pkey PRIMARY KEY (pool, id),
    CONSTRAINT registrations_pool_fkey FOREIGN KEY (pool, masters_accounts)
        REFERENCES pools (id, masters_accounts) ON UPDATE CASCADE,
    CONSTRAINT registrations_state_check CHECK (state BETWEEN 0 AND 2),
    CONSTRAINT registrations_deleted_check CHECK (deleted_at IS NULL OR tokens = '{}')
);

-- Tokens are read by the index alone: out of line (see masthead-subscribe-store's tokens.rs for how) they keep the rows
-- narrow, and search reads many rows. Metadata stays in the row: look-ups read it always.
ALTER TABLE registrations ALTER COLUMN metadata SET STORAGE MAIN;
ALTER TABLE registrations SET (toast_tuple_target = 512);

-- One index for each order of the contract, with its tie-break; the first two are the exact look-ups as well.
CREATE UNIQUE INDEX registrations_crid_key ON registrations (pool, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_email_idx ON registrations (pool, email_key, crid) INCLUDE (first_key, last_key) WHERE deleted_at IS NULL;
CREATE INDEX registrations_first_idx ON registrations (pool, first_key, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_last_idx ON registrations (pool, last_key, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_state_idx ON registrations (pool, state, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_verified_idx ON registrations (pool, verified, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_registered_idx ON registrations (pool, registered_at, crid) WHERE deleted_at IS NULL;
CREATE INDEX registrations_changed_idx ON registrations (pool, changed_at, crid) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX registrations_email_key ON registrations (pool, email_key)
    WHERE masters_accounts AND deleted_at IS NULL AND email_key <> '';

CREATE INDEX registrations_tokens_idx ON registrations USING gin (tokens);
