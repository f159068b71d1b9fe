#!/bin/sh
# Measures what a row of the audit log costs Postgres in COPY, by the processor time of its backend, for several columns and
# indexes (ADR 0126). Needs an empty database of a superuser on this host: audit-copy-cost.sh postgres://… [rounds] [statements]
set -eu
url=$1 rounds=${2:-3} statements=${3:-250} rows=2000
folder=$(mktemp -d) && chmod 777 "$folder"
trap 'rm -rf "$folder"' EXIT
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$url" "$@"; }

old='pool bigint NOT NULL, id bigint NOT NULL DEFAULT nextval($$event_ids$$), kind integer NOT NULL, at timestamptz NOT NULL,
     tenant text COLLATE "C" NOT NULL, request_id text COLLATE "C" NOT NULL, source_system text COLLATE "C" NOT NULL,
     outcome text COLLATE "C" NOT NULL, registration_id bigint, users bigint NOT NULL, network text COLLATE "C"'
new="$old"', expires_on date NOT NULL, issuer text COLLATE "C", subject text COLLATE "C", client_id text COLLATE "C",
     token_id text COLLATE "C", filter_kind text COLLATE "C", filter_hash bytea, user_ids bigint[], detail json'
changes='CREATE UNIQUE INDEX ON %s (pool, id) WHERE kind NOT IN (4000, 4001, 4601, 4902)'
bloom='USING brin (at, registration_id int8_bloom_ops (n_distinct_per_range = 2048, false_positive_rate = 0.005),
     subject text_bloom_ops (n_distinct_per_range = 256), client_id text_bloom_ops (n_distinct_per_range = 64))
     WITH (pages_per_range = 64)'
gin='CREATE INDEX ON %s USING gin (user_ids) WHERE user_ids IS NOT NULL'

sql -c "DROP TABLE IF EXISTS source; CREATE SEQUENCE IF NOT EXISTS event_ids;
  CREATE TABLE source AS SELECT 1 + n::bigint % 50 AS pool, 4001 AS kind, timestamptz '2026-11-29' + n * interval '1 ms' AS at,
    'north/daily/paper-' || n % 50 AS tenant, md5(n::text) AS request_id, 'CRM' AS source_system, 'found' AS outcome,
    1 + (random() * 1000000)::bigint AS registration_id, 1::bigint AS users, '203.0.113.0/24' AS network,
    date '2028-01-03' AS expires_on, 'https://login.example.com/realms/news' AS issuer,
    md5((n % 40)::text)::uuid::text AS subject, 'newsletter-' || n % 10 AS client_id, md5((n / 5000)::text)::uuid::text AS token_id,
    'id' AS filter_kind, decode(md5(random()::text), 'hex') AS filter_hash, NULL::bigint[] AS user_ids
    FROM generate_series(0, $((statements * rows - 1))) AS n;"
before='pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users, network'
after="$before, expires_on, issuer, subject, client_id, token_id, filter_kind, filter_hash, user_ids"

copies() { # columns
  sql -c "SELECT format('COPY (SELECT $1 FROM source LIMIT $rows OFFSET %s) TO ''$folder/%s'' (FORMAT binary);', n * $rows, n)
            FROM generate_series(0, $((statements - 1))) AS n" | sql >/dev/null
}
measure() { # name, columns of COPY, table definition, indexes
  sql -c "DROP TABLE IF EXISTS events CASCADE; $3; $4; CHECKPOINT"
  {
    echo "SET synchronous_commit = off;"
    echo "SELECT pg_current_wal_insert_lsn() AS lsn \\gset"
    echo "\\setenv PID 0"
    echo "SELECT pg_backend_pid() AS pid \\gset"
    echo "\\setenv PID :pid"
    echo "\\! awk '{print \$14 + \$15}' /proc/\$PID/stat"
    n=0; while [ $n -lt "$statements" ]; do
      echo "COPY events ($2) FROM '$folder/$n' (FORMAT binary);"; n=$((n + 1))
    done
    echo "\\! awk '{print \$14 + \$15}' /proc/\$PID/stat"
    echo "SELECT (pg_current_wal_insert_lsn() - :'lsn')::bigint;"
  } | sql | awk -v rows=$((statements * rows)) -v name="$1" '
      NR == 1 { from = $1 } NR == 2 { to = $1 } NR == 3 { wal = $1 }
      END { printf "%-34s %5.2f us  %4d bytes of WAL", name, (to - from) * 10000 / rows, wal / rows }'
  sql -c "SELECT format('  %s bytes of heap, %s of index', sum(pg_table_size(oid)) / $((statements * rows)),
            sum(pg_indexes_size(oid)) / $((statements * rows))) FROM pg_class WHERE relname ~ '^events' AND relkind = 'r'"
}
partitioned="CREATE TABLE events ($new) PARTITION BY RANGE (expires_on);
  CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2028-01-01') TO ('2028-02-01');
  CREATE TABLE events_b PARTITION OF events DEFAULT"
round=0
while [ $round -lt "$rounds" ]; do
  copies "$before"
  measure "before" "$before" "CREATE TABLE events ($old)" "$(printf "$changes" events)"
  copies "$after"
  measure "columns" "$after" "CREATE TABLE events ($new)" "$(printf "$changes" events)"
  measure "columns, partitions" "$after" "$partitioned" "$(printf "$changes" events_a)"
  measure "columns, partitions, BRIN and GIN" "$after" "$partitioned" \
    "$(printf "$changes" events_a); $(printf "$gin" events_a); CREATE INDEX ON events_a $bloom"
  measure "columns, partitions, B-trees, GIN" "$after" "$partitioned" \
    "$(printf "$changes" events_a); $(printf "$gin" events_a); CREATE INDEX ON events_a (registration_id, at);
     CREATE INDEX ON events_a (subject, at)"
  measure "columns, partitions, GIN of all" "$after" "$partitioned" \
    "$(printf "$changes" events_a); CREATE INDEX ON events_a USING gin ((ARRAY[registration_id]))"
  round=$((round + 1))
done
