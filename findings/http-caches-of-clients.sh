#!/usr/bin/env bash
# Software: npm http-cache-semantics 4.3.0 and 4.1.1; got 14.6.6, make-fetch-happen 15.0.6, undici 7.30.2 (the newest for Node 20); PyPI
# hishel 2.0.0 with httpx 0.28.1, CacheControl 0.14.4, requests-cache 1.3.3 (Python 3.11). Caches of HTTP clients (RFC 9111), as used for
# the keys of an issuer.
#
# Guess: each keeps what the server allows, for as long as it allows it: `max-age=600` is asked for once in ten minutes, with or without
# `must-revalidate`, which is about the time after; `no-store` is not kept; each POST is sent, and makes the cache drop that address.
#
# Seen (the number of requests that reach the server):
#   `max-age=600, must-revalidate`: since version 4.2 http-cache-semantics has such a response stored and never used, so that got and
#   make-fetch-happen ask each time. So does requests-cache.
#   `immutable` alone: http-cache-semantics has it fresh for 1000 days. Its option says milliseconds and is read as seconds.
#   POST: got stores the answer, if it has a max-age, and gives it when the same POST is sent again, which the server then never sees.
#   After a POST got, hishel without `rfc`, CacheControl and requests-cache go on with the old answer to GET.
#   hishel 2 keeps each successful answer by default, also one with `no-store`; it follows the headers only with `rfc=True`.
#   An answer that is older than its max-age when it arrives (`Age`) is used by make-fetch-happen, which does not store `Age`, by hishel,
#   CacheControl and requests-cache.
#   `Max-Age=600` is not read by http-cache-semantics and CacheControl, nor `max-age="600"` by CacheControl; RFC 9111 allows both.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-cache-semantics@4.3.0 old@npm:http-cache-semantics@4.1.1 got@14.6.6 make-fetch-happen@15.0.6 undici@7.30.2
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install hishel==2.0.0 httpx==0.28.1 CacheControl==0.14.4 requests==2.34.2 requests-cache==1.3.3
cat > cases.json <<'JSON'
{
  "max-age=600": {"headers": {"cache-control": "max-age=600"}},
  "max-age=600, must-revalidate": {"headers": {"cache-control": "max-age=600, must-revalidate"}},
  "Max-Age=600": {"headers": {"cache-control": "Max-Age=600"}},
  "max-age=\"600\"": {"headers": {"cache-control": "max-age=\"600\""}},
  "max-age=600, Age 700": {"headers": {"cache-control": "max-age=600", "age": "700"}},
  "no-store": {"headers": {"cache-control": "no-store"}},
  "GET, POST, GET": {"headers": {"cache-control": "max-age=600"}, "methods": ["GET", "POST", "GET"]},
  "POST, POST": {"headers": {"cache-control": "max-age=600"}, "methods": ["POST", "POST"]}
}
JSON
cat > server.mjs <<'JS'
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
const cases = JSON.parse(readFileSync('cases.json'));
const seen = {};
const server = createServer((request, response) => {
  const [, client, title] = request.url.split('/').map(decodeURIComponent);
  if (client === 'seen') return response.end(JSON.stringify(seen));
  ((seen[title] ??= {})[client] ??= []).push(request.method);
  request.resume().on('end', () => response.writeHead(200, cases[title].headers).end('keys'));
});
server.listen(0, '127.0.0.1', () => writeFileSync('port', String(server.address().port)));
JS
cat > run.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import got from 'got';
import New from 'http-cache-semantics';
import fetcher from 'make-fetch-happen';
import Old from 'old';
import { Agent, interceptors, request } from 'undici';
const address = `http://127.0.0.1:${readFileSync('port')}`;
const dispatcher = new Agent().compose(interceptors.cache({ type: 'private' }));
const map = new Map();
const npm = fetcher.defaults({ cachePath: './npm', retry: false });
const clients = {
  undici: async (url, method, body) => (await request(url, { method, body, dispatcher })).body.text(),
  got: (url, method, body) => got(url, { method, body, cache: map, cacheOptions: { shared: false } }),
  'make-fetch-happen': async (url, method, body) => (await npm(url, { method, body })).text(),
};
for (const [title, { methods = ['GET', 'GET'] }] of Object.entries(JSON.parse(readFileSync('cases.json')))) {
  for (const [name, client] of Object.entries(clients)) {
    for (const method of methods) {
      await client(`${address}/${name}/${encodeURIComponent(title)}`, method, method === 'POST' ? 'event' : undefined);
      await setTimeout(50);
    }
  }
}
for (const [version, Policy] of [['4.1.1', Old], ['4.3.0', New]]) {
  for (const control of ['max-age=600, must-revalidate', 'immutable']) {
    const asked = { url: '/', method: 'GET', headers: {} };
    const policy = new Policy(asked, { status: 200, headers: { 'cache-control': control } }, { shared: false });
    console.log(`http-cache-semantics ${version}, ${control}: used ${policy.satisfiesWithoutRevalidation(asked)}, max-age ${policy.maxAge()} s`);
  }
}
process.exit();
JS
cat > run.py <<'PY'
import json, urllib.request
from urllib.parse import quote
import requests, requests_cache
from cachecontrol import CacheControl
from hishel import SqliteStorage
from hishel.httpx import CacheClient

address = f'http://127.0.0.1:{open("port").read()}'
clients = {
    'hishel': CacheClient(storage=SqliteStorage(database_path='plain.db')),
    'hishel with rfc': CacheClient(storage=SqliteStorage(database_path='rfc.db'), rfc=True),
    'CacheControl': CacheControl(requests.Session()),
    'requests-cache': requests_cache.CachedSession(backend='memory', cache_control=True),
}
for title, case in json.load(open('cases.json')).items():
    for name, client in clients.items():
        for method in case.get('methods', ['GET', 'GET']):
            client.request(method, f'{address}/{quote(name)}/{quote(title, safe="")}', **({'data': {'a': 'event'}} if method == 'POST' else {})).content
for title, seen in json.load(urllib.request.urlopen(address + '/seen')).items():
    print(f'{title}: ' + ', '.join(f'{name} {len(methods)}' for name, methods in seen.items()))
PY
cat > expected <<'TXT'
http-cache-semantics 4.1.1, max-age=600, must-revalidate: used true, max-age 600 s
http-cache-semantics 4.1.1, immutable: used true, max-age 86400000 s
http-cache-semantics 4.3.0, max-age=600, must-revalidate: used false, max-age 600 s
http-cache-semantics 4.3.0, immutable: used true, max-age 86400000 s
max-age=600: undici 1, got 1, make-fetch-happen 1, hishel 1, hishel with rfc 1, CacheControl 1, requests-cache 1
max-age=600, must-revalidate: undici 1, got 2, make-fetch-happen 2, hishel 1, hishel with rfc 1, CacheControl 1, requests-cache 2
Max-Age=600: undici 1, got 2, make-fetch-happen 2, hishel 1, hishel with rfc 1, CacheControl 2, requests-cache 1
max-age="600": undici 1, got 1, make-fetch-happen 1, hishel 1, hishel with rfc 1, CacheControl 2, requests-cache 1
max-age=600, Age 700: undici 2, got 2, make-fetch-happen 1, hishel 1, hishel with rfc 1, CacheControl 1, requests-cache 1
no-store: undici 2, got 2, make-fetch-happen 2, hishel 1, hishel with rfc 2, CacheControl 2, requests-cache 2
GET, POST, GET: undici 3, got 2, make-fetch-happen 3, hishel 2, hishel with rfc 3, CacheControl 2, requests-cache 2
POST, POST: undici 2, got 1, make-fetch-happen 2, hishel 2, hishel with rfc 2, CacheControl 2, requests-cache 2
TXT
node server.mjs & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
