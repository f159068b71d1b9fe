#!/usr/bin/env bash
# Software: npm @bufbuild/cel 0.6.1 and @marcbachmann/cel-js 8.0.0 (Node 20); PyPI cel-python 0.5.0 (Python 3.11). Rules of one text in the Common
# Expression Language over the same claims of a token, as JSON gives them.
#
# Guess: a rule that names only what the language's definition has gives the same answer in each: a number compares with a number of any kind,
# `has(…)` tells whether a field is there, and an unknown field on the way to it is not there either.
#
# Seen: the plain comparisons agree. But:
#   In Node a number of JSON is a double, and a double and a whole number can be compared, not counted with: `claims.exp - claims.iat == 3600` is
#   answered and `claims.level + 1 == 3` is an error. In Python it is a whole number: there the sum works and every comparison with 2.5 or
#   2.0 is an error, as is one with a text, which is just "false" in Node.
#   A field that is null: @bufbuild's `has` is false, that of the others true. A field of a missing one: cel-python's `has` is false, the others
#   raise an error.
#   `timestamp(claims.exp)` is refused by all three; @bufbuild and @marcbachmann take `timestamp(int(claims.exp))`.
#   `map` with a condition is unknown to cel-python; `size(b'é')` is one in @marcbachmann's, two in the others.
#   A rule for several services is written with int(…) or double(…) around each number, and `!= null` beside each `has`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install cel-python==0.5.0
echo '{"level": 2, "roles": ["reader", "editor"], "exp": 1800003600, "iat": 1800000000, "phone": null, "address": {"city": "X"}}' > claims.json
cat > rules.json <<'JSON'
["claims.level == 2", "claims.level >= 2", "claims.level in [1, 2]", "claims.exp - claims.iat == 3600", "claims.level + 1 == 3", "int(claims.level) + 1 == 3",
 "claims.level < 2.5", "double(claims.level) < 2.5", "claims.level != '2'", "has(claims.phone)", "has(claims.phone) && claims.phone != null",
 "has(claims.address.street)", "has(claims.company.street)", "claims.company.street == 'x' || true", "timestamp(claims.exp) > timestamp(0)",
 "timestamp(int(claims.exp)) > timestamp(0)", "claims.roles.map(r, r != 'reader', size(r)) == [6]", "size(b'é')"]
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { isCelError, run } from '@bufbuild/cel';
import { evaluate } from '@marcbachmann/cel-js';
const [claims, rules] = ['claims.json', 'rules.json'].map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
const seen = (work) => { try { const value = work(); return isCelError(value) ? 'error' : String(value); } catch { return 'error'; } };
console.log(JSON.stringify(rules.map((rule) => [seen(() => run(rule, { claims })), seen(() => evaluate(rule, { claims }))])));
JS
cat > run.py <<'PY'
import json, subprocess
import celpy
claims, rules = (json.load(open(file)) for file in ('claims.json', 'rules.json'))
node = json.loads(subprocess.run(['node', 'run.mjs'], capture_output=True, text=True, check=True).stdout)
environment = celpy.Environment()
for rule, (bufbuild, marcbachmann) in zip(rules, node):
    try:
        value = environment.program(environment.compile(rule)).evaluate({'claims': celpy.json_to_cel(claims)})
        value = str(bool(value)).lower() if isinstance(value, (bool, celpy.celtypes.BoolType)) else str(int(value))
    except (celpy.CELEvalError, celpy.CELParseError, ValueError): value = 'error'
    print(f'{rule}: @bufbuild {bufbuild}, @marcbachmann {marcbachmann}, cel-python {value}')
PY
cat > expected <<'TXT'
claims.level == 2: @bufbuild true, @marcbachmann true, cel-python true
claims.level >= 2: @bufbuild true, @marcbachmann true, cel-python true
claims.level in [1, 2]: @bufbuild true, @marcbachmann true, cel-python true
claims.exp - claims.iat == 3600: @bufbuild true, @marcbachmann true, cel-python true
claims.level + 1 == 3: @bufbuild error, @marcbachmann error, cel-python true
int(claims.level) + 1 == 3: @bufbuild true, @marcbachmann true, cel-python true
claims.level < 2.5: @bufbuild true, @marcbachmann true, cel-python error
double(claims.level) < 2.5: @bufbuild true, @marcbachmann true, cel-python true
claims.level != '2': @bufbuild true, @marcbachmann true, cel-python error
has(claims.phone): @bufbuild false, @marcbachmann true, cel-python true
has(claims.phone) && claims.phone != null: @bufbuild false, @marcbachmann false, cel-python false
has(claims.address.street): @bufbuild false, @marcbachmann false, cel-python false
has(claims.company.street): @bufbuild error, @marcbachmann error, cel-python false
claims.company.street == 'x' || true: @bufbuild true, @marcbachmann true, cel-python true
timestamp(claims.exp) > timestamp(0): @bufbuild error, @marcbachmann error, cel-python error
timestamp(int(claims.exp)) > timestamp(0): @bufbuild true, @marcbachmann true, cel-python error
claims.roles.map(r, r != 'reader', size(r)) == [6]: @bufbuild true, @marcbachmann true, cel-python error
size(b'é'): @bufbuild 2, @marcbachmann 1, cel-python 2
TXT
python/bin/python run.py 2>/dev/null | tee seen
diff expected seen
