#!/bin/sh
# Holds a running `cargo xtask dev` against its own OpenAPI document, by requests that Schemathesis generates: v4, the
# legacy API and the export, with the provider healthy, off, and answering nonsense. Needs python3 with venv, and PyPI.
#
#   scripts/schemathesis.sh [FILE [EXAMPLES]]     FILE is the dev.json of the server (target/dev/dev.json),
#                                                 EXAMPLES the requests of each operation and run (50)
set -eu
cd "$(dirname "$0")/.."
dev=${1:-target/dev/dev.json}
examples=${2:-50}
work=$PWD/target/schemathesis
here=$PWD/scripts/schemathesis

[ -r "$dev" ] || { echo "no $dev: start 'cargo xtask dev' first" >&2; exit 1; }
mkdir -p "$work"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet schemathesis==4.32.5

# What a script needs of dev.json, as shell variables: the tenant with Auth0, whose stand-in can be broken.
eval "$("$work/venv/bin/python" - "$dev" <<'PYTHON'
import json, shlex, sys
dev = json.load(open(sys.argv[1]))
tenant = next(tenant for tenant in dev["tenants"] if tenant["userProvider"] == "Auth0")
workspace = next(each for each in dev["workspaces"] if each["tenant"] == tenant["name"])
headers = " ".join(f"--header {shlex.quote(f'{name}: {value}')}" for name, value in tenant["headers"].items())
for name, value in {
    "url": dev["url"],
    "control": tenant["sandbox"]["control"],
    "headers": headers,
    "WORKSPACE": workspace["id"],
    "key": workspace["key"],
}.items():
    print(f"{name}={shlex.quote(value)}")
PYTHON
)"
export WORKSPACE

sane() {
    curl -sS --fail -o "$work/control.log" -X DELETE "$control/faults"
    curl -sS --fail -o "$work/control.log" -X POST "$control/on"
}
fault() {
    curl -sS --fail -o "$work/control.log" -X POST "$control/faults" -H 'Content-Type: application/json' -d "$1"
}
trap sane EXIT

run() {
    echo "== $1"
    shift
    # In its own folder, where it keeps what `st replay` needs.
    (cd "$work" && SCHEMATHESIS_HOOKS=$here/hooks.py "$work/venv/bin/schemathesis" \
        --config-file "$here/schemathesis.toml" run "$url/openapi.json" \
        --phases examples,coverage,fuzzing --max-examples "$examples" --continue-on-failure \
        --generation-database none --warnings off --no-color "$@")
}
both() {
    eval "run \"v4 and legacy, \$1\" $headers --include-tag Users --include-tag Legacy"
    run "export, $1" --auth "$WORKSPACE:$key" --include-tag Export
}

sane
failed=0
both 'the provider healthy' || failed=1
curl -sS --fail -o "$work/control.log" -X POST "$control/off"
both 'the provider off' || failed=1
sane
fault '{"fault":"status","status":500,"percent":30}'
fault '{"fault":"truncated-json","percent":30}'
fault '{"fault":"html","percent":30}'
both 'the provider faulty' || failed=1
exit $failed
