-- The audit log and its outbox. Rows are only ever added to the log; it names a registration by its number alone and holds
-- no personal data.

CREATE TABLE events (
    -- No foreign key: the log outlives what it tells of, and every read writes a row.
    pool            bigint NOT NULL,
    -- Also the event's identity for whoever it is relayed to: a duplicate carries the same number.
    id              bigint GENERATED ALWAYS AS IDENTITY,
    kind            integer NOT NULL,
    at              timestamptz NOT NULL,
    -- group/client/paper
    tenant          text COLLATE "C" NOT NULL,
    request_id      text COLLATE "C" NOT NULL,
    source_system   text COLLATE "C" NOT NULL,
    outcome         text COLLATE "C" NOT NULL,
    registration_id bigint,
    users           bigint NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (pool, id)
);

-- The events of writes that are still to be relayed.
CREATE TABLE outbox (
    pool       bigint NOT NULL,
    event_id   bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_pkey PRIMARY KEY (pool, event_id),
    CONSTRAINT outbox_event_fkey FOREIGN KEY (pool, event_id) REFERENCES events (pool, id)
);
