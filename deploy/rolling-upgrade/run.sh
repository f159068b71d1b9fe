#!/bin/bash
# Upgrades a database under a load of look-ups, migration by migration, while two servers of the old program go on and are
# restarted beside each new version. Prints how many look-ups failed, and the longest that one took (docs/upgrading.md).
#
#   deploy/rolling-upgrade/run.sh OLD NEW      two masthead programs
#
# USERS (200000) is the number of registrations. HOLD=1 has a session with an open transaction on them, like a dump, for the
# first 5 seconds of each migration. CONTROL=1 then does by psql, in one transaction and without a lock_timeout, what migrations did before:
# adds a column and builds an index. PORTS (28200) is the first of the ports. KEEP=1 keeps the folder of data and logs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
old=$(realpath "$1") new=$(realpath "$2")
base=${PORTS:-28200} users=${USERS:-200000}
for program in "$old" "$new"; do
    [ -x "$program" ] || { echo "$program is no program" >&2; exit 1; }
done
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)")

work=$(mktemp -d /var/tmp/masthead-upgrade.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
    # Postgres refuses root.
    chown postgres:postgres "$work"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
export LC_ALL=C
unset "${!PG@}" 2>/dev/null || true

declare -A pids
clean_up() {
    local name
    for name in "${!pids[@]}"; do kill "${pids[$name]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    (cd "$work" && "${as[@]}" "$bin/pg_ctl" stop --pgdata="$work/data" --mode=immediate >/dev/null 2>&1) || true
    if [ "${KEEP:-0}" = 1 ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

cd "$work"
password=$(openssl rand -hex 16)
echo "$password" >"$work/password"
chmod 644 "$work/password"
"${as[@]}" "$bin/initdb" --pgdata="$work/data" --username=masthead --pwfile="$work/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 >"$work/initdb.log"
"${as[@]}" "$bin/pg_ctl" start --wait --pgdata="$work/data" --log="$work/data/log" \
    --options="-c port=$base -c listen_addresses=127.0.0.1 -c unix_socket_directories=" >/dev/null
url=postgres://masthead:$password@127.0.0.1:$base/postgres
psql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$url" "$@"; }

export MASTHEAD__DATABASE__URL=$url
export MASTHEAD__TOKENS__ISSUER=upgrade MASTHEAD__TOKENS__AUDIENCE=masthead MASTHEAD__SYNC__EVERY=0s
MASTHEAD__TOKENS__HS256_SECRET=$(openssl rand -hex 32)
MASTHEAD__SEALING__KEYS__K1=$(openssl rand -base64 64 | tr -d '\n')
export MASTHEAD__TOKENS__HS256_SECRET MASTHEAD__SEALING__KEYS__K1 MASTHEAD__SEALING__CURRENT=k1
"$old" migrate >"$work/migrate.log"
"$old" tenant add north/daily/herald >>"$work/migrate.log"
for n in $(seq "$users"); do echo "{\"customerRegistrationId\":\"crid-$n\",\"email\":\"a$n@example.org\"}"; done |
    "$old" import --tenant north/daily/herald >>"$work/migrate.log" 2>&1
TOKEN=$("$old" token --tenant north/daily/herald --scope users:read)
export TOKEN

# A server; the program may refuse to start beside a schema that it does not know.
start_server() {
    local number=$1 program=$2 tries=100
    MASTHEAD__HTTP__LISTEN=127.0.0.1:$((base + number)) MASTHEAD__METRICS__LISTEN=127.0.0.1:$((base + 10 + number)) \
        "$program" serve >>"$work/server$number.log" 2>&1 &
    pids[server$number]=$!
    until curl -fs -o /dev/null "http://127.0.0.1:$((base + number))/health/ready"; do
        tries=$((tries - 1))
        kill -0 "${pids[server$number]}" 2>/dev/null && [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}
stop_server() {
    kill "${pids[server$1]}" 2>/dev/null || true
    wait "${pids[server$1]}" 2>/dev/null || true
}
start_server 1 "$old"
start_server 2 "$old"

# Runs a command under load, and prints what the look-ups met.
measure() {
    local what=$1
    shift
    python3 "$here/load.py" --users "$users" --ports $((base + 1)) $((base + 2)) --stop "$work/stop" >"$work/load.log" &
    pids[load]=$!
    sleep 2
    "$@"
    sleep 1
    touch "$work/stop"
    wait "${pids[load]}"
    rm -f "$work/stop"
    printf '%-44s %s\n' "$what" "$(cat "$work/load.log")"
}
hold() { [ "${HOLD:-0}" != 1 ] || psql --command="BEGIN; SELECT count(*) FROM registrations; SELECT pg_sleep(5); COMMIT" >/dev/null & }
migrate_to() {
    hold
    sleep 0.3
    "$new" migrate --to "$1" >>"$work/migrate.log" 2>&1 || { tail -n 3 "$work/migrate.log" >&2; return 1; }
}
# Restarts the servers, in the pauses of the load: a balancer sends nothing to a server that drains. Whether the old program starts
# is tried with a third one, since programs of versions before 16 know no newer schema.
restart_both() {
    local number
    if ! start_server 3 "$old"; then
        echo "  the old program refuses to start beside this version; its servers go on"
        return 0
    fi
    stop_server 3
    for number in 1 2; do
        stop_server $number
        start_server $number "$old"
    done
}
control() {
    hold
    sleep 0.3
    psql --command="BEGIN; ALTER TABLE registrations ADD COLUMN of_the_control text; CREATE INDEX of_the_control_idx ON registrations (pool, last_name); COMMIT"
}

measure "no migration" sleep 3
version=$(psql --command="SELECT max(version) FROM _sqlx_migrations")
echo "the old program is of schema version $version"
while :; do
    version=$((version + 1))
    measure "migration $version" migrate_to $version
    restart_both
    # "migrated up to schema version 16; this program needs 18", until the last one.
    tail -n 1 "$work/migrate.log" | grep -q "this program needs" || break
done
tail -n 1 "$work/migrate.log"
if [ "${CONTROL:-0}" = 1 ]; then measure "control: one transaction, no lock_timeout" control; fi
