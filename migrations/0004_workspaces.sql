-- Workspaces of the customers export, their keys, and from which network an export was asked
-- (docs/adr/0067-workspace-keys-are-hashed-and-workspaces-held-as-a-whole.md).

CREATE TABLE workspaces (
    id                      text COLLATE "C" NOT NULL,
    client_group            text COLLATE "C" NOT NULL,
    client                  text COLLATE "C" NOT NULL,
    paper                   text COLLATE "C" NOT NULL,
    suspended               boolean NOT NULL DEFAULT false,
    strict                  boolean NOT NULL,
    identifiers_per_payload integer NOT NULL,
    users_per_minute        integer NOT NULL,
    body_kilobytes          integer NOT NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    -- A tenant that is gone has nothing to export.
    CONSTRAINT workspaces_tenant_fkey FOREIGN KEY (client_group, client, paper)
        REFERENCES tenants (client_group, client, paper) ON DELETE CASCADE
);

CREATE INDEX workspaces_tenant_idx ON workspaces (client_group, client, paper);

CREATE TABLE workspace_keys (
    workspace  text COLLATE "C" NOT NULL CONSTRAINT workspace_keys_workspace_fkey
        REFERENCES workspaces (id) ON DELETE CASCADE,
    -- Counts up within a workspace; a number is not given twice while later ones are there.
    number     integer NOT NULL,
    -- SHA-256 of the key, which is shown once and never kept.
    hash       bytea NOT NULL CONSTRAINT workspace_keys_hash_check CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workspace_keys_pkey PRIMARY KEY (workspace, number)
);

-- A network such as 203.0.113.0/24, never a single address; null where it is not kept.
ALTER TABLE events ADD COLUMN network text COLLATE "C";

-- The export can ask by the number of a registration, and its contract reserves "1": nobody is to have it.
SELECT setval(pg_get_serial_sequence('registrations', 'id'), 1) WHERE NOT EXISTS (SELECT FROM registrations);
