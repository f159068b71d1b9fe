#!/usr/bin/env bash
# Software: pg_trgm of PostgreSQL 18.7, in npm @electric-sql/pglite 0.5.17; PostgreSQL 15.18 behaves in the same way.
#
# Guess: the end of a text is part of a trigram, so `text ~ 'qj$'` is answered from the index as `text LIKE '%qj'` is.
#
# Seen: no trigram is taken from `qj$`: every row of the table is a candidate and is read. One such branch is enough:
# `qj([a-z0-9]|$)` reads all rows, though `qj[a-z0-9]` and the LIKE pattern each read none. With three characters before
# the end (`abq($|z)`) the index is used.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > npm.log
npm install --no-audit --no-fund @electric-sql/pglite@0.5.17 >> npm.log 2>&1
cat > run.mjs <<'SCRIPT'
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';

const rows = 20000;
const db = await PGlite.create({ extensions: { pg_trgm } });
await db.exec(`CREATE EXTENSION pg_trgm;
  CREATE TABLE texts AS SELECT md5(n::text) || 'zz' AS text FROM generate_series(1, ${rows}) AS n;
  CREATE INDEX texts_idx ON texts USING gin (text gin_trgm_ops);
  SET enable_seqscan = off;`);
const nodes = (node) => [node, ...(node.Plans ?? []).flatMap(nodes)];
let changed = false;
// No text contains any of these: a candidate is a row that the index could not exclude.
for (const [condition, expected] of [
  ["text LIKE '%qj'", 0],
  ["text ~ 'qj[a-z0-9]'", 0],
  ["text ~ 'qj$'", rows],
  ["text ~ 'qj([a-z0-9]|$)'", rows],
  ["text ~ 'abq($|z)'", 0],
]) {
  const answer = await db.query(`EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM texts WHERE ${condition}`);
  const plan = nodes(answer.rows[0]['QUERY PLAN'][0].Plan);
  const candidates = plan.find((node) => node['Node Type'] === 'Bitmap Index Scan')['Actual Rows'];
  changed ||= candidates !== expected;
  console.log(`${condition}: ${candidates} candidates of ${rows}, expected ${expected}`);
}
process.exit(changed ? 1 : 0);
SCRIPT
node run.mjs
