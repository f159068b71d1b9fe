-- What operators decide about callers beside their tokens (docs/adr/0127-issuers-claims-and-grants-of-callers.md and
-- docs/adr/0128-keys-by-the-clock-and-denied-callers.md): grants in place of claims, and denials, which end.
-- compatible-with: 15

CREATE TABLE caller_grants (
    issuer     text COLLATE "C" NOT NULL,
    -- The claim that names the caller: subject or client_id.
    kind       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    -- Null: the scopes that the token claims.
    scopes     text[],
    tenants    text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT caller_grants_pkey PRIMARY KEY (issuer, kind, value),
    CONSTRAINT caller_grants_kind_check CHECK (kind IN ('subject', 'client_id')),
    CONSTRAINT caller_grants_size_check
        CHECK (octet_length(issuer) BETWEEN 1 AND 250 AND octet_length(value) BETWEEN 1 AND 250
               AND cardinality(tenants) BETWEEN 1 AND 1000)
);

CREATE TABLE caller_denials (
    issuer     text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT caller_denials_pkey PRIMARY KEY (issuer, kind, value),
    CONSTRAINT caller_denials_kind_check CHECK (kind IN ('subject', 'client_id', 'token_id')),
    CONSTRAINT caller_denials_size_check
        CHECK (octet_length(issuer) BETWEEN 1 AND 250 AND octet_length(value) BETWEEN 1 AND 250)
);

-- Servers read this number every two seconds, and the rules only when it has changed.
CREATE TABLE caller_rules_version (
    is_row  boolean NOT NULL DEFAULT true CONSTRAINT caller_rules_version_row_check CHECK (is_row),
    version bigint NOT NULL,
    CONSTRAINT caller_rules_version_pkey PRIMARY KEY (is_row)
);
INSERT INTO caller_rules_version (version) VALUES (1);

CREATE FUNCTION count_caller_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE caller_rules_version SET version = version + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER caller_grants_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON caller_grants
    FOR EACH STATEMENT EXECUTE FUNCTION count_caller_rules();
CREATE TRIGGER caller_denials_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON caller_denials
    FOR EACH STATEMENT EXECUTE FUNCTION count_caller_rules();
