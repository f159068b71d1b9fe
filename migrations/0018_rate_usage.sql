-- What each server has admitted of the limits of requests and rows (docs/adr/0129-limits-are-shared-through-the-database.md).
-- Servers write and read it once a second. Unlogged: after a crash the servers begin anew, which costs no more than a minute's
-- allowance.
--
-- `key` is a keyed hash of a caller, an address or a tenant. `used` is the sum of what was reported without a pause of a minute; rows
-- are purged ten minutes later. No index besides the key: the updates stay on their pages (HOT).
-- compatible-with: 15
CREATE UNLOGGED TABLE rate_usage (
    key        bigint NOT NULL,
    used       bigint NOT NULL,
    reported_at    timestamptz NOT NULL,
    per_minute integer NOT NULL,
    server     text COLLATE "C" NOT NULL,
    policy     text COLLATE "C" NOT NULL,
    CONSTRAINT rate_usage_pkey PRIMARY KEY (server, key, policy),
    CONSTRAINT rate_usage_server_check CHECK (octet_length(server) BETWEEN 1 AND 64),
    CONSTRAINT rate_usage_policy_check CHECK (octet_length(policy) BETWEEN 1 AND 32)
) WITH (fillfactor = 50);
