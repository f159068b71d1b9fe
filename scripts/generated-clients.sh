#!/bin/sh
# Generates a Python and a TypeScript client from the OpenAPI document of a running `cargo xtask dev`, and uses each to
# list, page by cursor, look up and export. Needs python3 with venv, node 20 or later with npm, and their registries.
#
#   scripts/generated-clients.sh [FILE]      FILE is the dev.json of the server (target/dev/dev.json)
set -eu
cd "$(dirname "$0")/.."
dev=${1:-target/dev/dev.json}
here=scripts/generated-clients
work=target/generated-clients

[ -r "$dev" ] || { echo "no $dev: start 'cargo xtask dev' first" >&2; exit 1; }
mkdir -p "$work/ts"
url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$dev")
curl -sS --fail "$url/openapi.json" -o "$work/openapi.json"

echo '== openapi-python-client 0.29.1'
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openapi-python-client==0.29.1
"$work/venv/bin/openapi-python-client" generate --path "$work/openapi.json" --output-path "$work/python/masthead_client" \
    --config "$here/python.yml" --meta none --overwrite --fail-on-warning
"$work/venv/bin/python" -m compileall -q "$work/python/masthead_client"
PYTHONPATH="$work/python" "$work/venv/bin/python" "$here/use.py" "$dev"

echo '== openapi-typescript 7.13.0'
cp "$here/use.ts" "$here/package.json" "$here/tsconfig.json" "$work/ts/"
(
    cd "$work/ts"
    npm install --silent --no-audit --no-fund
    npx openapi-typescript ../openapi.json --output schema.ts
    npx tsc --project tsconfig.json
)
node "$work/ts/use.js" "$dev"
