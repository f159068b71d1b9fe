#!/bin/bash
# Kills the leader of a Postgres cluster under load and counts wrong answers, lost writes and seconds to recovery. Everything
# runs on this machine: etcd, three Postgres nodes under Patroni with synchronous_mode, HAProxy before them, Masthead before
# HAProxy. See README.md.
#
#   deploy/failover/run.sh [MASTHEAD]      MASTHEAD is the program (target/release/masthead)
#
# REPLICAS=0 runs Masthead without database.replica_urls. SECONDS_AFTER (60) is how long the load goes on after the kill.
# PORTS (28000) is the first of the ports. KEEP=1 keeps the folder of data and logs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-$here/../../target/release/masthead}")
base=${PORTS:-28000}
after=${SECONDS_AFTER:-60}
nodes="1 2 3"

[ -x "$program" ] || { echo "no $program: cargo build --release -p masthead" >&2; exit 1; }
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)")
haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)
for needed in "$bin/initdb" "$haproxy" "$(command -v etcd || echo etcd)" "$(command -v patroni || echo patroni)" "$(command -v openssl || echo openssl)"; do
    [ -x "$needed" ] || { echo "$needed is missing: see README.md" >&2; exit 1; }
done

work=$(mktemp -d /var/tmp/masthead-failover.XXXXXX)
mkdir "$work/logs"
as=()
if [ "$(id -u)" = 0 ]; then
    # Postgres refuses root.
    chown -R postgres:postgres "$work"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
export LC_ALL=C HOME=$work
unset "${!PG@}" 2>/dev/null || true

# The process of each started program, by name: only these are ended.
declare -A pids
start() {
    local name=$1
    shift
    (cd "$work" && exec "${as[@]}" "$@") >>"$work/logs/$name.log" 2>&1 &
    pids[$name]=$!
}
clean_up() {
    local name node file
    for name in masthead haproxy node1 node2 node3; do
        [ -z "${pids[$name]:-}" ] || kill "${pids[$name]}" 2>/dev/null || true
    done
    for node in $nodes; do
        file=$work/node$node/data/postmaster.pid
        [ ! -r "$file" ] || kill -INT "$(head -n 1 "$file")" 2>/dev/null || true
    done
    sleep 3
    [ -z "${pids[etcd]:-}" ] || kill "${pids[etcd]}" 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "${KEEP:-0}" = 1 ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

wait_until() {
    local what=$1 left=${2}
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || { echo "$what: not in time" >&2; tail -n 20 "$work"/logs/*.log >&2; exit 1; }
        sleep 1
    done
}

postgres_port() { echo $((base + $1)); }
rest_port() { echo $((base + 10 + $1)); }
etcd_port=$((base + 20)) haproxy_port=$((base + 30)) http_port=$((base + 40)) metrics_port=$((base + 41))
superuser=$(openssl rand -hex 16) replicator=$(openssl rand -hex 16) password=$(openssl rand -hex 16)

start etcd etcd --name etcd --data-dir "$work/etcd" \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
    --initial-cluster "etcd=http://127.0.0.1:$((etcd_port + 1))"
wait_until etcd 30 curl -fsS "http://127.0.0.1:$etcd_port/health"

for node in $nodes; do
    "${as[@]}" mkdir "$work/node$node"
    cat >"$work/node$node.yml" <<YAML
scope: masthead
name: node$node
restapi:
  listen: 127.0.0.1:$(rest_port "$node")
  connect_address: 127.0.0.1:$(rest_port "$node")
etcd3:
  host: 127.0.0.1:$etcd_port
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 100
        wal_log_hints: "on"
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums
postgresql:
  listen: 127.0.0.1:$(postgres_port "$node")
  connect_address: 127.0.0.1:$(postgres_port "$node")
  data_dir: $work/node$node/data
  bin_dir: $bin
  pgpass: $work/node$node/pgpass
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication:
    superuser: {username: postgres, password: $superuser}
    replication: {username: replicator, password: $replicator}
    rewind: {username: rewinder, password: $replicator}
  parameters:
    unix_socket_directories: $work/node$node
    shared_buffers: 64MB
  pg_hba:
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication replicator 127.0.0.1/32 scram-sha-256
YAML
    chmod 600 "$work/node$node.yml"
    [ ${#as[@]} = 0 ] || chown postgres "$work/node$node.yml"
done

cat >"$work/haproxy.cfg" <<CFG
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 1s
    timeout check 3s
    timeout client 1h
    timeout server 1h
listen primary
    bind 127.0.0.1:$haproxy_port
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
$(for node in $nodes; do echo "    server node$node 127.0.0.1:$(postgres_port "$node") check port $(rest_port "$node")"; done)
CFG

is_leader() { curl -fs -o /dev/null "http://127.0.0.1:$(rest_port "$1")/primary"; }
is_replica() { curl -fsS -o /dev/null "http://127.0.0.1:$(rest_port "$1")/replica"; }
is_synchronous() { curl -fsS -o /dev/null "http://127.0.0.1:$(rest_port "$1")/synchronous"; }
any() { local check=$1 node; for node in $nodes; do if "$check" "$node" 2>/dev/null; then return 0; fi; done; return 1; }

start node1 patroni "$work/node1.yml"
wait_until "the first node" 90 is_leader 1
start node2 patroni "$work/node2.yml"
start node3 patroni "$work/node3.yml"
wait_until "node 2" 120 is_replica 2
wait_until "node 3" 120 is_replica 3
wait_until "a synchronous standby" 60 any is_synchronous
start haproxy "$haproxy" -db -f "$work/haproxy.cfg"

psql() { PGPASSWORD=$superuser "$bin/psql" -X -q -v ON_ERROR_STOP=1 "postgres://postgres@127.0.0.1:$haproxy_port/postgres" -c "$1"; }
wait_until haproxy 30 psql "SELECT 1"
psql "CREATE ROLE masthead LOGIN PASSWORD '$password'"
psql "CREATE DATABASE masthead OWNER masthead"

export MASTHEAD__DATABASE__URL="postgres://masthead:$password@127.0.0.1:$haproxy_port/masthead"
if [ "${REPLICAS:-1}" != 0 ]; then
    urls=
    for node in $nodes; do urls="$urls,postgres://masthead:$password@127.0.0.1:$(postgres_port "$node")/masthead"; done
    export MASTHEAD__DATABASE__REPLICA_URLS=$urls
fi
export MASTHEAD__TOKENS__ISSUER=failover MASTHEAD__TOKENS__AUDIENCE=masthead
MASTHEAD__TOKENS__HS256_SECRET=$(openssl rand -hex 32)
MASTHEAD__SEALING__KEYS__K1=$(openssl rand -base64 64 | tr -d '\n')
export MASTHEAD__TOKENS__HS256_SECRET MASTHEAD__SEALING__KEYS__K1 MASTHEAD__SEALING__CURRENT=k1
export MASTHEAD__HTTP__LISTEN="127.0.0.1:$http_port" MASTHEAD__METRICS__LISTEN="127.0.0.1:$metrics_port"
export MASTHEAD__SYNC__EVERY=0s
"$program" migrate >"$work/logs/migrate.log" 2>&1
"$program" tenant add north/daily/herald >"$work/logs/tenant.log" 2>&1
TOKEN=$("$program" token --tenant north/daily/herald --scope users:read)
export TOKEN
as_before=("${as[@]}")
as=()
start masthead "$program" serve
as=("${as_before[@]}")
wait_until masthead 60 curl -fsS "http://127.0.0.1:$metrics_port/health/ready"

leader=
for node in $nodes; do if is_leader "$node"; then leader=$node; fi; done
python3 "$here/load.py" --program "$program" --folder "$work/logs" --url "http://127.0.0.1:$http_port" \
    --ops "http://127.0.0.1:$metrics_port" --leader "node$leader" --seconds-after "$after" \
    --kill "${pids[node$leader]}" --kill-postmaster "$work/node$leader/data/postmaster.pid"

# The killed node comes back as a replica.
start "node$leader" patroni "$work/node$leader.yml"
wait_until "the killed node" 120 is_replica "$leader"
sleep 3
echo "the killed node is a replica again; /health/ready: $(curl -sS "http://127.0.0.1:$metrics_port/health/ready")"
curl -sS "http://127.0.0.1:$metrics_port/metrics" | grep '^masthead_database_re' || true
