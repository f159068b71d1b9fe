-- Check values of sealing keys, by which another key under a known id is noticed, and attempts to sign in whose end is not known yet
-- (docs/adr/0144-a-wrong-sealing-key-is-noticed.md, docs/adr/0143-a-sign-in-is-three-statements.md).
-- compatible-with: 15

-- The values are keyed hashes of the ids, from which no key can be computed. Each is written when its key is first used.
CREATE TABLE sealing_keys (
    id            text COLLATE "C" NOT NULL CONSTRAINT sealing_keys_pkey PRIMARY KEY,
    check_value   bytea NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sealing_keys_check_value_check CHECK (octet_length(check_value) = 32)
);

-- How many of the failures are attempts that have begun and not ended. Older servers count all of theirs as failures.
ALTER TABLE sign_in_attempts ADD COLUMN unfinished integer NOT NULL DEFAULT 0;
