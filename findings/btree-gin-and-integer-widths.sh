#!/usr/bin/env bash
# Software: btree_gin of PostgreSQL 18.6 (npm @electric-sql/pglite 0.5.14 with @electric-sql/pglite-socket 0.2.17, Node 20); PyPI psycopg 3.3.9
# (Python 3.11), npm pg 8.23.1. A GIN index with a bigint column beside another one, as where the tenant's number is in a search index.
#
# Guess: a condition `tenant = $1` that a b-tree on the bigint column serves is one for the GIN index, too, whatever integer the driver sends.
#
# Seen: the operator classes of btree_gin know comparisons of two bigints only, those of b-trees also of a bigint with a smaller integer.
#   psycopg sends a Python int as the smallest type that holds it: tenant 3 is a smallint, and the GIN index is not used for it, without
#   a notice; the b-tree is. Tenants beyond 2147483647 are found by the index again. `Int8(3)` or `$1::bigint` mend it.
#   pg sends numbers as texts without a type: these become bigints, and the index is used. A literal `3` in SQL is an integer: it is not.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 pg@8.23.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install psycopg==3.3.9 psycopg-binary==3.3.9
cat > server.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
const db = await PGlite.create({ extensions: { btree_gin } });
await db.exec(`CREATE EXTENSION btree_gin;
  CREATE TABLE users (tenant bigint NOT NULL, terms integer[] NOT NULL);
  INSERT INTO users SELECT n % 500 + 1, ARRAY[n % 7, n % 11] FROM generate_series(1, 20000) AS n;
  CREATE INDEX users_btree ON users (tenant);
  CREATE INDEX users_gin ON users USING gin (tenant, terms);
  ANALYZE users`);
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 });
server.addEventListener('listening', (event) => console.log(event.detail.port));
await server.start();
JS
node server.mjs > port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
cat > seen.py <<'PY'
import sys
import psycopg
from psycopg.types.numeric import Int8
with psycopg.connect(f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres sslmode=disable", autocommit=True) as db:
    print("PostgreSQL", db.execute("SHOW server_version").fetchone()[0].split()[0])
    for index, other in (("users_gin", "users_btree"), ("users_btree", "users_gin")):
        # Only one of the indexes can have the condition.
        db.execute("SET enable_seqscan = off")
        condition = "tenant = %s" + (" AND terms @> ARRAY[3]" if index == "users_gin" else "")
        for name, value in (("3", 3), ("3000000000", 3_000_000_000), ("Int8(3)", Int8(3))):
            db.execute("BEGIN")
            db.execute(f"DROP INDEX {other}")
            plan = "\n".join(row[0] for row in db.execute(f"EXPLAIN SELECT * FROM users WHERE {condition}", [value]))
            db.execute("ROLLBACK")
            lines = [line for line in plan.splitlines() if "Index Cond" in line and "tenant" in line]
            print(f"psycopg {name}: {index} {'has' if lines else 'lacks'} the tenant")
PY
python/bin/python seen.py "$(head -1 port)" > seen
cat > seen.mjs <<'JS'
import pg from 'pg';
const db = new pg.Client({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', database: 'postgres' });
await db.connect();
await db.query('SET enable_seqscan = off; DROP INDEX users_btree');
const plan = async (condition, values) => {
  const { rows } = await db.query(`EXPLAIN SELECT * FROM users WHERE ${condition} AND terms @> ARRAY[3]`, values);
  return rows.some((row) => /Index Cond.*tenant/.test(row['QUERY PLAN'])) ? 'has' : 'lacks';
};
console.log('pg 3: users_gin', await plan('tenant = $1', [3]), 'the tenant');
console.log('literal 3: users_gin', await plan('tenant = 3', []), 'the tenant');
await db.end();
JS
node seen.mjs "$(head -1 port)" >> seen
cat seen
diff seen - <<'TXT'
PostgreSQL 18.6
psycopg 3: users_gin lacks the tenant
psycopg 3000000000: users_gin has the tenant
psycopg Int8(3): users_gin has the tenant
psycopg 3: users_btree has the tenant
psycopg 3000000000: users_btree has the tenant
psycopg Int8(3): users_btree has the tenant
pg 3: users_gin has the tenant
literal 3: users_gin lacks the tenant
TXT
