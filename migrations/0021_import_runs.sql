-- How far each import has come that can be resumed, and what an import puts aside while it runs (docs/adr/0137-imports-are-decided-by-batch.md).
-- compatible-with: 15

CREATE TABLE import_runs (
    id            text COLLATE "C" NOT NULL CONSTRAINT import_runs_pkey PRIMARY KEY,
    changed_at    timestamptz NOT NULL,
    -- How many rows of the file are dealt with.
    rows          bigint NOT NULL,
    -- How long the file of rejected rows was then.
    rejects_bytes bigint NOT NULL,
    -- The report so far; NULL before the first batch.
    report        json,
    CONSTRAINT import_runs_id_check CHECK (octet_length(id) BETWEEN 1 AND 100),
    CONSTRAINT import_runs_counts_check CHECK (rows >= 0 AND rejects_bytes >= 0)
);
CREATE INDEX import_runs_changed_idx ON import_runs (changed_at);

-- The password hashes of a second file until they are joined, and the users that a dry run would have written; the latter are
-- rolled back. Not in the write-ahead log: after a crash the second file is read again.
CREATE UNLOGGED TABLE import_scratch (
    kind  smallint NOT NULL,
    run   text COLLATE "C" NOT NULL,
    key   text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    CONSTRAINT import_scratch_pkey PRIMARY KEY (run, kind, key)
);
