-- By which rules the stored keys of names and metadata are made (docs/adr/0098), and how far making them anew has come.
-- No SQL function computes them: `masthead migrate` goes on in Rust after the migrations, in steps that each commit.
CREATE TABLE stored_keys (
    one                boolean NOT NULL DEFAULT true CONSTRAINT stored_keys_pkey PRIMARY KEY
                       CONSTRAINT stored_keys_one_check CHECK (one),
    -- Every stored key is made by these, or by newer ones. A server starts on its own rules only.
    rules              smallint NOT NULL,
    -- The rules by which keys are being made anew; NULL when that is done.
    new_rules          smallint,
    -- The last row that was looked at: of registrations, then of directory_entries.
    registrations_pool bigint NOT NULL DEFAULT 0,
    registrations_id   bigint NOT NULL DEFAULT 0,
    entries_pool       bigint NOT NULL DEFAULT 0,
    entries_crid       text COLLATE "C" NOT NULL DEFAULT ''
);

INSERT INTO stored_keys (rules) VALUES (1);
