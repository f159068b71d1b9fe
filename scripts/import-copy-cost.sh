#!/bin/sh
# Measures two ways of writing the batches of an import (ADR 0137): straight into the table by COPY, after a look-up of the ids, and
# by COPY into an unlogged staging table and one INSERT … ON CONFLICT. Prints rows a second, and the
# processor time of the server's process a row. Needs a migrated, empty database of a superuser on this host:
# import-copy-cost.sh postgres://… [rounds] [batches]
set -eu
url=$1 rounds=${2:-3} batches=${3:-100} rows=2000
folder=$(mktemp -d) && chmod 777 "$folder"
trap 'rm -rf "$folder"' EXIT
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$url" "$@"; }
columns='pool, registered_at, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name, last_name,
         password_hash, metadata, search_terms'

sql -c "DROP TABLE IF EXISTS source, staging, known_keys;
  INSERT INTO pools (name, masters_accounts) VALUES ('measured', true) ON CONFLICT DO NOTHING;
  CREATE UNLOGGED TABLE source AS SELECT (SELECT id FROM pools WHERE name = 'measured') AS pool,
    timestamptz '2020-01-01' + n * interval '1 min' AS registered_at, 1::smallint AS state, true AS verified, true AS masters_accounts,
    'reader-' || md5(n::text) AS crid, md5(n::text || 'e') || '@mail' || n % 97 || '.example' AS email_key,
    'first' || n % 211 AS first_key, 'last' || n % 997 AS last_key, 'First' || n % 211 AS first_name, 'Last' || n % 997 AS last_name,
    '\$argon2id\$v=19\$m=19456,t=2,p=1\$AAECAwQFBgcICQoLDA0ODw\$rVdYqxHgeX5nqVqrVyTSCLmKxvrmoCYVGdEZSfPNZpI' AS password_hash,
    json_build_object('city', 'Oslo' || n % 50, 'postalCode', n % 90000) AS metadata,
    ARRAY[hashtext('city' || n % 50), hashtext('postal' || n % 90000)] AS search_terms
    FROM generate_series(1, $((batches * rows))) AS n;
  CREATE UNLOGGED TABLE staging (LIKE registrations); ALTER TABLE staging ALTER COLUMN id DROP NOT NULL"
sql -c "SELECT format('COPY (SELECT $columns FROM source LIMIT $rows OFFSET %s) TO ''$folder/%s'' (FORMAT binary);', n * $rows, n)
          FROM generate_series(0, $((batches - 1))) AS n" | sql >/dev/null
sql -c "SELECT format('COPY (SELECT pool, crid FROM source LIMIT $rows OFFSET %s) TO ''$folder/k%s'' (FORMAT binary);', n * $rows, n)
          FROM generate_series(0, $((batches - 1))) AS n" | sql >/dev/null
sql -c "CREATE UNLOGGED TABLE known_keys (pool bigint, crid text COLLATE \"C\")"

# Totals and the foreign key as in the real table: the tables are the real one, emptied.
empty="TRUNCATE registrations, registration_totals CASCADE; CHECKPOINT"
straight() {
  n=0; while [ $n -lt "$batches" ]; do
    echo "BEGIN; TRUNCATE known_keys; COPY known_keys FROM '$folder/k$n' (FORMAT binary);
      SELECT count(*) FROM (SELECT r.id FROM known_keys AS k CROSS JOIN LATERAL (SELECT r.id FROM registrations AS r
        WHERE r.pool = k.pool AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r) AS found;
      COPY registrations ($columns) FROM '$folder/$n' (FORMAT binary); COMMIT;"
    n=$((n + 1))
  done
}
staged() {
  n=0; while [ $n -lt "$batches" ]; do
    echo "BEGIN; TRUNCATE staging; COPY staging ($columns) FROM '$folder/$n' (FORMAT binary);
      INSERT INTO registrations ($columns) SELECT $columns FROM staging ON CONFLICT DO NOTHING; COMMIT;"
    n=$((n + 1))
  done
}
measure() { # name
  sql -c "$empty" >/dev/null
  begun=$(date +%s.%N)
  ticks=$( ("$1"; echo "SELECT split_part(s, ' ', 14)::integer + split_part(s, ' ', 15)::integer
    FROM pg_read_file('/proc/self/stat') AS s") | sql | tail -1)
  ended=$(date +%s.%N)
  awk -v name="$1" -v rows=$((batches * rows)) -v from="$begun" -v to="$ended" -v ticks="$ticks" \
    'BEGIN { printf "%-10s %8.0f rows a second, %6.1f µs of the server a row\n", name, rows / (to - from), ticks * 10000 / rows }'
}
round=0; while [ $round -lt "$rounds" ]; do
  measure straight; measure staged
  round=$((round + 1))
done
sql -c "TRUNCATE registrations, registration_totals CASCADE; DROP TABLE source, staging, known_keys; DELETE FROM pools WHERE name = 'measured'"
