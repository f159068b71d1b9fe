#!/usr/bin/env bash
# Software: npm express-rate-limit 8.7.5 with express 5.3.0, @fastify/rate-limit 11.2.0 with fastify 5.12.8, ratelimit-header-parser 0.1.0,
# structured-headers 2.1.0 (Node 20).
#
# Guess: ratelimit-header-parser, of the makers of express-rate-limit, reads each form of the headers that express-rate-limit writes; with two
# limits, an hour's and a minute's, the headers are of the one that is nearer to its end.
#
# Seen:
#   The newest form (`draft-8`: `RateLimit: "minute"; r=4; t=60`) is read as NaN and an invalid date, without an error; a client that
#   compares `remaining` with a number then never waits. A parser of structured fields reads it, as a list.
#   With two limits, all older forms have the one that was added last, here 98 requests left when the other has three; when that one
#   refuses, its own values are there. Only `draft-8` names both.
#   X-RateLimit-Reset is a time of day in Express and a number of seconds in Fastify: the parser tells them apart by their size.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund express-rate-limit@8.7.5 express@5.3.0 @fastify/rate-limit@11.2.0 fastify@5.12.8 ratelimit-header-parser@0.1.0 structured-headers@2.1.0
cat > run.mjs <<'JS'
import { once } from 'node:events';
import fastifyLimit from '@fastify/rate-limit';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import Fastify from 'fastify';
import { parseRateLimit } from 'ratelimit-header-parser';
import { parseList } from 'structured-headers';
const addresses = {};
for (const form of ['legacy', 'draft-6', 'draft-7', 'draft-8']) {
  const app = express();
  for (const [identifier, limit, windowMs] of [['minute', 5, 60_000], ['hour', 100, 3_600_000]]) {
    app.use(rateLimit({ identifier, limit, windowMs, legacyHeaders: form === 'legacy', standardHeaders: form === 'legacy' ? false : form }));
  }
  app.get('/', (request, response) => response.send('x'));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  addresses[`express ${form}`] = `http://127.0.0.1:${server.address().port}/`;
}
for (const enableDraftSpec of [false, true]) {
  const app = Fastify();
  await app.register(fastifyLimit, { max: 5, timeWindow: 60_000, enableDraftSpec });
  app.get('/', async () => 'x');
  addresses[`fastify ${enableDraftSpec ? 'draft' : 'legacy'}`] = `${await app.listen({ port: 0, host: '127.0.0.1' })}/`;
}
for (const [name, address] of Object.entries(addresses)) {
  for (let number = 1; number <= 6; number += 1) {
    const response = await fetch(address);
    if (number !== 2 && number !== 6) continue;
    const { limit, remaining, reset } = parseRateLimit(response);
    const minutes = Math.round((reset - Date.now()) / 60_000);
    console.log(`${name}, request ${number}, ${response.status}: limit ${limit}, remaining ${remaining}, reset in ${minutes} minutes`);
    if (name !== 'express draft-8') continue;
    console.log('  the list:', parseList(response.headers.get('ratelimit')).map(([item, parameters]) => `${item} remaining ${parameters.get('r')}`).join(', '));
  }
}
process.exit();
JS
cat > expected <<'TXT'
express legacy, request 2, 200: limit 100, remaining 98, reset in 60 minutes
express legacy, request 6, 429: limit 5, remaining 0, reset in 1 minutes
express draft-6, request 2, 200: limit 100, remaining 98, reset in 60 minutes
express draft-6, request 6, 429: limit 5, remaining 0, reset in 1 minutes
express draft-7, request 2, 200: limit 100, remaining 98, reset in 60 minutes
express draft-7, request 6, 429: limit 5, remaining 0, reset in 1 minutes
express draft-8, request 2, 200: limit NaN, remaining NaN, reset in NaN minutes
  the list: minute remaining 3, hour remaining 98
express draft-8, request 6, 429: limit NaN, remaining NaN, reset in NaN minutes
  the list: minute remaining 0
fastify legacy, request 2, 200: limit 5, remaining 3, reset in 1 minutes
fastify legacy, request 6, 429: limit 5, remaining 0, reset in 1 minutes
fastify draft, request 2, 200: limit 5, remaining 3, reset in 1 minutes
fastify draft, request 6, 429: limit 5, remaining 0, reset in 1 minutes
TXT
node run.mjs | tee seen
diff expected seen
