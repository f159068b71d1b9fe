#!/bin/bash
# Restarts two servers in turn behind a real HAProxy while clients send requests without pause, and counts the requests that
# failed. HAProxy repeats nothing, and neither do the clients: each request counts as it is answered. Everything
# runs on this machine. See README.md.
#
#   deploy/rolling-restart/run.sh [MASTHEAD]      MASTHEAD is the program (target/release/masthead)
#
# ROUNDS (3) is how often both servers are restarted. DRAIN_DELAY (3s) is http.drain_delay; DRAIN_DELAY= for a program that does
# not know the setting. RETRIES (0) is how often HAProxy repeats a connection that was refused. SIGNAL (TERM) is what a server
# gets; it is started again if it ends. CLIENTS (16). PORTS (28100) is the first of the ports. KEEP=1 keeps the folder of data and logs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-$here/../../target/release/masthead}")
base=${PORTS:-28100}
rounds=${ROUNDS:-3}
signal=${SIGNAL:-TERM}

[ -x "$program" ] || { echo "no $program: cargo build --release -p masthead" >&2; exit 1; }
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)")
haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)
for needed in "$bin/initdb" "$haproxy" "$(command -v python3 || echo python3)" "$(command -v curl || echo curl)" \
    "$(command -v openssl || echo openssl)"; do
    [ -x "$needed" ] || { echo "$needed is missing: see README.md" >&2; exit 1; }
done

work=$(mktemp -d /var/tmp/masthead-rolling.XXXXXX)
mkdir "$work/logs"
as=()
if [ "$(id -u)" = 0 ]; then
    # Postgres refuses root.
    chown postgres:postgres "$work"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
export LC_ALL=C
unset "${!PG@}" "${!MASTHEAD@}" 2>/dev/null || true

# The process of each started program, by name: only these are ended.
declare -A pids
start() {
    local name=$1
    shift
    "$@" >>"$work/logs/$name.log" 2>&1 &
    pids[$name]=$!
}
clean_up() {
    local name
    for name in load haproxy one two; do
        [ -z "${pids[$name]:-}" ] || kill "${pids[$name]}" 2>/dev/null || true
    done
    for name in one two; do
        [ -z "${pids[$name]:-}" ] || wait "${pids[$name]}" 2>/dev/null || true
    done
    [ -z "${pids[postgres]:-}" ] || kill -INT "${pids[postgres]}" 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "${KEEP:-0}" = 1 ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

wait_until() {
    local what=$1 left=$(($2 * 10))
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || { echo "$what: not in time" >&2; tail -n 20 "$work"/logs/*.log >&2; exit 1; }
        sleep 0.1
    done
}

postgres_port=$base haproxy_port=$((base + 1))
declare -A api=([one]=$((base + 2)) [two]=$((base + 3))) operations=([one]=$((base + 4)) [two]=$((base + 5)))

"${as[@]}" "$bin/initdb" --pgdata "$work/data" --username postgres --auth trust --encoding UTF8 >"$work/logs/initdb.log"
start postgres "${as[@]}" "$bin/postgres" -D "$work/data" -p "$postgres_port" -c listen_addresses=127.0.0.1 \
    -c "unix_socket_directories=" -c shared_buffers=64MB
wait_until postgres 30 "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port"
"$bin/createdb" -h 127.0.0.1 -p "$postgres_port" -U postgres masthead

export MASTHEAD__DATABASE__URL="postgres://postgres@127.0.0.1:$postgres_port/masthead"
export MASTHEAD__TOKENS__ISSUER=rolling MASTHEAD__TOKENS__AUDIENCE=masthead
MASTHEAD__TOKENS__HS256_SECRET=$(openssl rand -hex 32)
MASTHEAD__SEALING__KEYS__K1=$(openssl rand -base64 64 | tr -d '\n')
export MASTHEAD__TOKENS__HS256_SECRET MASTHEAD__SEALING__KEYS__K1 MASTHEAD__SEALING__CURRENT=k1
export MASTHEAD__SYNC__EVERY=0s
[ -z "${DRAIN_DELAY-3s}" ] || export MASTHEAD__HTTP__DRAIN_DELAY=${DRAIN_DELAY-3s}
"$program" migrate >"$work/logs/migrate.log" 2>&1
"$program" tenant add north/daily/herald >"$work/logs/tenant.log" 2>&1
for n in $(seq 0 199); do
    echo "{\"customerRegistrationId\":\"crid-$n\",\"email\":\"reader$n@example.com\",\"firstName\":\"Ann\",\"lastName\":\"Lee$n\"}"
done | "$program" import --tenant north/daily/herald >"$work/logs/import.log" 2>&1
TOKEN=$("$program" token --tenant north/daily/herald --scope users:read)
export TOKEN

start_server() {
    MASTHEAD__HTTP__LISTEN="127.0.0.1:${api[$1]}" MASTHEAD__METRICS__LISTEN="127.0.0.1:${operations[$1]}" \
        start "$1" "$program" serve
    wait_until "server $1" 30 curl -fsS "http://127.0.0.1:${api[$1]}/health/ready"
}
start_server one
start_server two

# The load balancer: docs/operations.md, Restarts.
cat >"$work/haproxy.cfg" <<CFG
global
    maxconn 2000
    stats socket $work/haproxy.sock
defaults
    mode http
    # Without retries, what fails is seen by the client.
    retries ${RETRIES:-0}
    option redispatch
    timeout connect 1s
    timeout check 1s
    timeout client 30s
    timeout server 10s
frontend users
    bind 127.0.0.1:$haproxy_port
    default_backend masthead
backend masthead
    balance roundrobin
    option httpchk GET /health/ready
    http-check expect status 200
    default-server inter 500ms fall 2 rise 2
    server one 127.0.0.1:${api[one]} check
    server two 127.0.0.1:${api[two]} check
CFG
start haproxy "$haproxy" -db -f "$work/haproxy.cfg"
wait_until haproxy 30 curl -fsS "http://127.0.0.1:$haproxy_port/health/live"
# Both have passed their checks.
sleep 2

start load python3 "$here/load.py" --url "http://127.0.0.1:$haproxy_port" --clients "${CLIENTS:-16}" --end "$work/end"
sleep 3
for round in $(seq "$rounds"); do
    for name in one two; do
        began=$(date +%s.%N)
        kill "-$signal" "${pids[$name]}"
        sleep 1
        if [ "$signal" != TERM ] && kill -0 "${pids[$name]}" 2>/dev/null; then
            echo "round $round: server $name goes on after SIG$signal"
            continue
        fi
        ended=0
        wait "${pids[$name]}" || ended=$?
        took=$(python3 -c "import sys, time; print(f'{time.time() - float(sys.argv[1]):.1f}')" "$began")
        echo "round $round: server $name ended after $took s (exit code $ended)"
        start_server "$name"
        # Two checks bring it back.
        sleep 3
    done
done
touch "$work/end"
failed=0
wait "${pids[load]}" || failed=$?
unset "pids[load]"
cat "$work/logs/load.log"
exit "$failed"
