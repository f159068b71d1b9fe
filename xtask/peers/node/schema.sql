-- The tables. The bench fills them by COPY and then runs indexes.sql, as one does with a first load.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE TABLE tenants (
    id           integer PRIMARY KEY,
    client_group text NOT NULL,
    client       text NOT NULL,
    paper        text NOT NULL,
    UNIQUE (client_group, client, paper)
);

-- Texts are sorted by their bytes: faster than by a language's rules, and the same order as the server that it is compared with.
CREATE TABLE users (
    tenant_id     integer NOT NULL,
    crid          text COLLATE "C" NOT NULL,
    -- In lower case.
    email         text COLLATE "C" NOT NULL,
    first_name    text COLLATE "C" NOT NULL,
    last_name     text COLLATE "C" NOT NULL,
    verified      boolean NOT NULL,
    password_hash text,
    metadata      jsonb NOT NULL,
    registered_at timestamptz,
    changed_at    timestamptz
);

CREATE TABLE audit (
    at         timestamptz NOT NULL,
    tenant_id  integer NOT NULL,
    request_id text NOT NULL,
    caller     text NOT NULL,
    action     text NOT NULL,
    users      integer NOT NULL
);
