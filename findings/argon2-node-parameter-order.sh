#!/usr/bin/env bash
# Software: npm argon2 0.45.1 and, before the change, 0.44.0; npm @node-rs/argon2 2.2.1 (Node 20); PyPI argon2-cffi 25.1.0 with
# argon2-cffi-bindings 26.2.0 (Python 3.11), which reads as libargon2 does.
#
# Guess: an Argon2 hash that a service on Node stored is verified by any other Argon2 library: the string has been `m=…,t=…,p=…` for
# ten years, and the PHC string format asks for that order.
#
# Seen: since 0.45 npm argon2 writes `m=…,p=…,t=…`, by default. It reads both orders, as @node-rs/argon2 does. libargon2 reads one order:
# the right password is no mismatch but "Decoding failed", and check_needs_rehash and extract_parameters, which match the same
# fields in any order, take the string without complaint. With the fields put back in order it verifies.
#   Reported to its maintainers as issue 559 of node-argon2 (September 2026), which is about the format alone.
#   An import that checks the strings' form by their fields lets these rows in; the persons can't log in afterwards. Put the
#   fields in order at the import: the order is no part of what is hashed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund argon2@0.45.1 before@npm:argon2@0.44.0 @node-rs/argon2@2.2.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install argon2-cffi==25.1.0 argon2-cffi-bindings==26.2.0
cat > run.mjs <<'JS'
import fs from 'node:fs';
import after from 'argon2';
import before from 'before';
import other from '@node-rs/argon2';
const options = { salt: Buffer.from('ssssssssssssssss'), memoryCost: 64, timeCost: 2, parallelism: 1 };
const strings = {
  'argon2 0.44.0': await before.hash('heron', options),
  'argon2 0.45.1': await after.hash('heron', options),
  '@node-rs/argon2': await other.hash('heron', options),
};
strings['argon2 0.45.1, in order'] = strings['argon2 0.45.1'].replace('p=1,t=2', 't=2,p=1');
for (const [by, string] of Object.entries(strings)) {
  const seen = [before, after, other].map((library) => library.verify(string, 'heron'));
  console.log(`${by} writes ${string.split('$')[3]}; verified on Node: ${await Promise.all(seen)}`);
}
fs.writeFileSync('strings.json', JSON.stringify(strings));
JS
cat > run.py <<'PY'
import json
import argon2
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
for by, string in json.load(open('strings.json')).items():
    try:
        seen = hasher.verify(string, 'heron')
    except argon2.exceptions.VerificationError as error:
        seen = f'{type(error).__name__}: {error}'
    try:
        cost = argon2.extract_parameters(string).time_cost
    except Exception as error:
        cost = type(error).__name__
    try:
        rehash = hasher.check_needs_rehash(string)
    except Exception as error:
        rehash = type(error).__name__
    print(f'argon2-cffi, {by}: {seen}; time_cost {cost}; needs a rehash: {rehash}')
PY
cat > expected <<'TXT'
argon2 0.44.0 writes m=64,t=2,p=1; verified on Node: true,true,true
argon2 0.45.1 writes m=64,p=1,t=2; verified on Node: true,true,true
@node-rs/argon2 writes m=64,t=2,p=1; verified on Node: true,true,true
argon2 0.45.1, in order writes m=64,t=2,p=1; verified on Node: true,true,true
argon2-cffi, argon2 0.44.0: True; time_cost 2; needs a rehash: False
argon2-cffi, argon2 0.45.1: VerificationError: Decoding failed; time_cost 2; needs a rehash: False
argon2-cffi, @node-rs/argon2: True; time_cost 2; needs a rehash: False
argon2-cffi, argon2 0.45.1, in order: True; time_cost 2; needs a rehash: False
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
