#!/bin/sh
# Checks the files of deploy/ with the tools that read them. A tool that is missing is a failure, never a skipped check.
#
#   scripts/check-deploy.sh [rules] [kubernetes] [systemd] [proxies] [compose] [docker]    without an argument: all but docker
#
#   rules        promtool (package prometheus): rules, their tests, and the queries of the dashboard
#   kubernetes   kubectl (for its kustomize), python3 with venv, and PyPI: schemas of Kubernetes, and rules of our own
#   systemd      systemd-analyze: the unit's syntax, and its exposure
#   proxies      nginx and haproxy: both configurations
#   compose      python3 with venv, and PyPI: rules of our own for the compose file
#   docker       docker with its compose plugin: the syntax of the compose file
set -eu
cd "$(dirname "$0")/.."
work=$PWD/target/check-deploy
mkdir -p "$work"

need() {
    command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 1; }
}

rules() {
    promtool=${PROMTOOL:-promtool}
    need "$promtool" "install the package prometheus, or set PROMTOOL"
    "$promtool" check rules --lint-fatal deploy/prometheus-rules.yml
    "$promtool" test rules deploy/prometheus-rules-test.yml
    python3 scripts/check-deploy/dashboard_rules.py deploy/grafana-dashboard.json >"$work/dashboard-rules.yml"
    "$promtool" check rules --lint-fatal "$work/dashboard-rules.yml"
}

# A Python that reads YAML and knows the schemas of Kubernetes.
venv() {
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet kubernetes-validate==1.37.0
}

kubernetes() {
    need kubectl "it has kustomize built in"
    venv
    for each in base migrate; do
        kubectl kustomize "deploy/kubernetes/$each" >"$work/$each.yaml"
        "$work/venv/bin/kubernetes-validate" --strict "$work/$each.yaml"
    done
    "$work/venv/bin/python" scripts/check-deploy/kubernetes_rules.py "$work/base.yaml" "$work/migrate.yaml"
}

systemd() {
    need systemd-analyze "a part of systemd"
    # The program need not be installed here: a copy of the unit names one that is.
    sed 's|/usr/local/bin/masthead|/bin/true|' deploy/masthead.service >"$work/masthead.service"
    systemd-analyze verify --man=no "$work/masthead.service"
    # Of 100; the network is what is left (systemd.exec(5) has no right that this unit gives without need).
    systemd-analyze security --offline=true --threshold=15 --no-pager "$work/masthead.service"
}

proxies() {
    need haproxy "the package of this name"
    need nginx "the package of this name"
    haproxy -c -f deploy/haproxy.cfg
    # Invented certificate, and the paths of this folder.
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=users.example.org \
        -keyout "$work/proxy.key" -out "$work/proxy.pem" 2>/dev/null
    sed -e "s|/etc/nginx/tls/users.example.org.pem|$work/proxy.pem|; s|/etc/nginx/tls/users.example.org.key|$work/proxy.key|" \
        -e "s|/var/log/nginx/|$work/|; s|listen 443|listen 127.0.0.1:8444|" deploy/nginx.conf >"$work/nginx-masthead.conf"
    printf 'pid %s/nginx.pid;\nevents {}\nhttp { include %s/nginx-masthead.conf; }\n' "$work" "$work" >"$work/nginx.conf"
    nginx -t -e "$work/nginx-start.log" -c "$work/nginx.conf"
}

compose() {
    venv
    "$work/venv/bin/python" scripts/check-deploy/compose_rules.py docker-compose.yml
}

docker_compose() {
    need docker "with its compose plugin"
    POSTGRES_PASSWORD=x docker compose config --quiet
}

[ "$#" -gt 0 ] || set -- rules kubernetes systemd proxies compose
for each; do
    echo "──── $each ────"
    case $each in
        rules | kubernetes | systemd | proxies | compose) "$each" ;;
        docker) docker_compose ;;
        *) echo "no such check: $each" >&2; exit 2 ;;
    esac
done
echo "all green"
