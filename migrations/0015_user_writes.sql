-- What writes of users need beside the registrations (docs/adr/0123-writes-are-one-transaction.md): pending registrations,
-- codes and links, counters of sign-ins, idempotency keys, intents, tombstones, and mails to send.
--
-- Codes, links, counters, idempotency keys and tombstones are keyed hashes (HMAC-SHA-256). Mails, intents and stored answers
-- are sealed. Every table but `tombstones` has a time from which its rows are purged, with an index.

-- A registration whose address is not verified yet; an address has at most one.
CREATE TABLE pending_registrations (
    pool            bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    verified        boolean NOT NULL,
    had_password    boolean NOT NULL,
    ignore_provider boolean NOT NULL,
    of_provider     boolean NOT NULL,
    email_key       text COLLATE "C" NOT NULL,
    email_typed     text COLLATE "C",
    crid            text COLLATE "C",
    first_name      text COLLATE "C" NOT NULL,
    last_name       text COLLATE "C" NOT NULL,
    password_hash   text COLLATE "C",
    metadata        json NOT NULL,
    CONSTRAINT pending_registrations_pkey PRIMARY KEY (pool, email_key),
    CONSTRAINT pending_registrations_email_check
        CHECK (octet_length(email_key) BETWEEN 1 AND 1000 AND octet_length(email_typed) <= 1000),
    CONSTRAINT pending_registrations_crid_check CHECK (octet_length(crid) BETWEEN 1 AND 255),
    CONSTRAINT pending_registrations_names_check
        CHECK (octet_length(first_name) <= 255 AND octet_length(last_name) <= 255),
    CONSTRAINT pending_registrations_password_check CHECK (octet_length(password_hash) <= 8192)
);
CREATE INDEX pending_registrations_expires_idx ON pending_registrations (expires_at);

-- The last code that was sent to an address, and how many were sent in the day that began with `day_from`.
CREATE TABLE verification_codes (
    pool        bigint NOT NULL,
    expires_at  timestamptz NOT NULL,
    sent_at     timestamptz NOT NULL,
    day_from    timestamptz NOT NULL,
    -- When neither the code nor the counter counts any more.
    ends_at     timestamptz NOT NULL,
    sent_in_day smallint NOT NULL,
    wrong_tries smallint NOT NULL,
    email_key   text COLLATE "C" NOT NULL,
    hash        bytea NOT NULL,
    CONSTRAINT verification_codes_pkey PRIMARY KEY (pool, email_key),
    CONSTRAINT verification_codes_email_check CHECK (octet_length(email_key) BETWEEN 1 AND 1000),
    CONSTRAINT verification_codes_hash_check CHECK (octet_length(hash) = 32),
    CONSTRAINT verification_codes_counters_check CHECK (sent_in_day >= 1 AND wrong_tries >= 0)
);
CREATE INDEX verification_codes_ends_idx ON verification_codes (ends_at);

-- Links to set a new password. One that is used, or ended by another, is deleted.
CREATE TABLE reset_links (
    pool            bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    registration_id bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    hash            bytea NOT NULL,
    CONSTRAINT reset_links_pkey PRIMARY KEY (pool, id),
    CONSTRAINT reset_links_hash_key UNIQUE (pool, hash),
    CONSTRAINT reset_links_hash_check CHECK (octet_length(hash) = 32)
);
CREATE INDEX reset_links_registration_idx ON reset_links (pool, registration_id, id);
CREATE INDEX reset_links_expires_idx ON reset_links (expires_at);

-- Failed sign-ins of an account or a client address, in the window that ends at `ends_at`.
CREATE TABLE sign_in_attempts (
    pool     bigint NOT NULL,
    ends_at  timestamptz NOT NULL,
    failures integer NOT NULL,
    key      bytea NOT NULL,
    CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (pool, key),
    CONSTRAINT sign_in_attempts_key_check CHECK (octet_length(key) = 32),
    CONSTRAINT sign_in_attempts_failures_check CHECK (failures >= 0)
);
CREATE INDEX sign_in_attempts_ends_idx ON sign_in_attempts (ends_at);

-- Accounts at client addresses from which they have signed in.
CREATE TABLE known_addresses (
    pool    bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    key     bytea NOT NULL,
    CONSTRAINT known_addresses_pkey PRIMARY KEY (pool, key),
    CONSTRAINT known_addresses_key_check CHECK (octet_length(key) = 32)
);
CREATE INDEX known_addresses_seen_idx ON known_addresses (seen_at);

CREATE TABLE idempotency_keys (
    pool          bigint NOT NULL,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    running_until timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    claim         integer NOT NULL,
    -- The HTTP status of the stored answer.
    status        smallint,
    written       boolean NOT NULL DEFAULT false,
    key           bytea NOT NULL,
    content       bytea NOT NULL,
    -- The user that was written.
    crid          text COLLATE "C",
    answer        text COLLATE "C",
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (pool, id),
    CONSTRAINT idempotency_keys_key UNIQUE (pool, key),
    CONSTRAINT idempotency_keys_hashes_check CHECK (octet_length(key) = 32 AND octet_length(content) = 32),
    CONSTRAINT idempotency_keys_crid_check CHECK (crid IS NULL OR written AND octet_length(crid) <= 255),
    CONSTRAINT idempotency_keys_answer_check
        CHECK ((status IS NULL) = (answer IS NULL) AND status BETWEEN 100 AND 599 AND octet_length(answer) <= 1048576)
);
CREATE INDEX idempotency_keys_expires_idx ON idempotency_keys (expires_at);

-- Two-sided writes that are not finished. One that is finished or abandoned is deleted.
CREATE TABLE write_intents (
    pool              bigint NOT NULL,
    id                bigint GENERATED ALWAYS AS IDENTITY,
    created_at        timestamptz NOT NULL,
    deadline          timestamptz NOT NULL,
    -- From when a reconciler may take it: the deadline, the end of a lease, or the next try.
    due_at            timestamptz NOT NULL,
    idempotency_id    bigint,
    attempts          integer NOT NULL DEFAULT 0,
    idempotency_claim integer,
    tenant            text COLLATE "C" NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    step              text COLLATE "C" NOT NULL,
    crid              text COLLATE "C",
    sealed            text COLLATE "C" NOT NULL,
    request_id        text COLLATE "C" NOT NULL,
    source_system     text COLLATE "C" NOT NULL,
    reason            text COLLATE "C" NOT NULL DEFAULT '',
    CONSTRAINT write_intents_pkey PRIMARY KEY (pool, id),
    CONSTRAINT write_intents_kind_check CHECK (kind IN ('create', 'update', 'set-password', 'set-email', 'delete')),
    CONSTRAINT write_intents_step_check CHECK (step IN ('provider', 'store', 'unsettled')),
    CONSTRAINT write_intents_crid_check CHECK (octet_length(crid) BETWEEN 1 AND 255),
    CONSTRAINT write_intents_idempotency_check CHECK ((idempotency_id IS NULL) = (idempotency_claim IS NULL)),
    CONSTRAINT write_intents_texts_check
        CHECK (octet_length(sealed) <= 1048576 AND octet_length(request_id) <= 1000 AND octet_length(source_system) <= 1000
               AND octet_length(reason) <= 1000)
);
CREATE INDEX write_intents_due_idx ON write_intents (due_at) WHERE step <> 'unsettled';
CREATE INDEX write_intents_created_idx ON write_intents (created_at, id);
CREATE INDEX write_intents_tenant_idx ON write_intents (tenant, created_at, id);
CREATE INDEX write_intents_idempotency_idx ON write_intents (pool, idempotency_id) WHERE idempotency_id IS NOT NULL;

-- Ids and addresses of deleted users, which syncs and imports do not bring back. They stay until the API creates such a user.
CREATE TABLE tombstones (
    pool       bigint NOT NULL,
    created_at timestamptz NOT NULL,
    -- When a scan of the provider last returned such an account.
    scanned_at timestamptz,
    kind       text COLLATE "C" NOT NULL,
    hash       bytea NOT NULL,
    CONSTRAINT tombstones_pkey PRIMARY KEY (pool, kind, hash),
    CONSTRAINT tombstones_kind_check CHECK (kind IN ('id', 'email')),
    CONSTRAINT tombstones_hash_check CHECK (octet_length(hash) = 32)
);

-- Mails to send. One that was sent is deleted; a dead letter stays for a time, without its content.
CREATE TABLE mail_outbox (
    -- Random: it is part of the Message-ID.
    id              uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT mail_outbox_pkey PRIMARY KEY,
    pool            bigint NOT NULL,
    queued_at       timestamptz NOT NULL,
    -- When it is due: also the end of a lease.
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    dead_at         timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    tenant          text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    sealed          text COLLATE "C" NOT NULL,
    dead_reason     text COLLATE "C",
    CONSTRAINT mail_outbox_attempts_check CHECK (attempts >= 0),
    CONSTRAINT mail_outbox_kind_check CHECK (octet_length(kind) BETWEEN 1 AND 64),
    CONSTRAINT mail_outbox_sealed_check CHECK (octet_length(sealed) <= 65536),
    CONSTRAINT mail_outbox_dead_check CHECK ((dead_at IS NULL) = (dead_reason IS NULL) AND (dead_at IS NULL OR sealed = ''))
);
CREATE INDEX mail_outbox_due_idx ON mail_outbox (next_attempt_at) WHERE dead_at IS NULL;
CREATE INDEX mail_outbox_dead_idx ON mail_outbox (dead_at) WHERE dead_at IS NOT NULL;

-- Deleted registrations are purged after the time of their tenant.
CREATE INDEX registrations_deleted_idx ON registrations (pool, deleted_at) WHERE deleted_at IS NOT NULL;
