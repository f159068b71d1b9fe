#!/usr/bin/env bash
# Software: PostgreSQL 18.7, in npm @electric-sql/pglite 0.5.17; PostgreSQL 15.18 behaves in the same way.
#
# Guess: ANALYZE collects statistics of an expression that is indexed, and the planner estimates conditions on the expression by
# them, whether the index is partial or not, as long as the condition of the query implies that of the index.
#
# Seen: they are collected and shown in pg_stats for both indexes, but those of a partial index are not used: the estimate is the
# default of 0.5 % of the rows, where half of them match. The index itself is used.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > npm.log
npm install --no-audit --no-fund @electric-sql/pglite@0.5.17 >> npm.log 2>&1
cat > run.mjs <<'SCRIPT'
import { PGlite } from '@electric-sql/pglite';

let changed = false;
for (const [kind, predicate, expected] of [
  ['whole', '', (rows) => rows > 9000 && rows < 11000],
  ['partial', 'WHERE gone IS NULL', (rows) => rows === 100],
]) {
  const db = await PGlite.create();
  await db.exec(`CREATE TABLE texts AS
      SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n END AS pool, NULL::timestamptz AS gone FROM generate_series(1, 20000) AS n;
    CREATE INDEX texts_idx ON texts ((pool + 0)) ${predicate};
    SET enable_seqscan = off;`);
  await db.exec('ANALYZE texts');
  const collected = await db.query(`SELECT most_common_freqs[1] AS share FROM pg_stats WHERE tablename = 'texts_idx'`);
  const answer = await db.query(`EXPLAIN (FORMAT JSON) SELECT * FROM texts WHERE pool + 0 = 1 AND gone IS NULL`);
  const rows = answer.rows[0]['QUERY PLAN'][0].Plan['Plan Rows'];
  changed ||= !expected(rows) || Math.abs(collected.rows[0].share - 0.5) > 0.1;
  console.log(`${kind} index: share in pg_stats ${collected.rows[0].share}, estimated ${rows} of 20000 rows`);
}
process.exit(changed ? 1 : 0);
SCRIPT
node run.mjs
