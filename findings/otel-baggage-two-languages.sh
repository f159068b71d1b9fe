#!/usr/bin/env bash
# Software: npm @opentelemetry/core 2.12.1 with api 1.9.1 (Node 20); PyPI opentelemetry-api 1.45.2 (Python 3.11). The header `baggage` (W3C).
#
# Guess: what one service puts into the baggage is what the next one reads, in either direction, since both follow the W3C's text: values
# are percent-encoded (a "+" is a plus), may be empty, and may have properties after ";", which are passed on.
#
# Seen:
#   Python encodes as a web form does: its blank is a "+", which Node reads as a plus, and a "+" that a sender may leave as it is (an
#   address with a tag) becomes a blank. Open as issue 5566 of opentelemetry-python. Node's own "+" and blanks, encoded, arrive.
#   Blanks at the ends that Node encoded are lost in Python, which decodes first and trims afterwards.
#   A property becomes a part of the value in Python, and passing the header on makes it one for everybody after it.
#   Node drops an entry with an empty value, also one that it wrote itself, and one with a "%" that escapes nothing.
#   An identifier in the baggage is best written in letters and digits.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/core@2.12.1 @opentelemetry/api@1.9.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install opentelemetry-api==1.45.2
cat > node.mjs <<'JS'
// Reads lines "write NAME VALUE", "read HEADER" or "pass HEADER" and answers each with a line.
import readline from 'node:readline';
import { ROOT_CONTEXT, defaultTextMapGetter, defaultTextMapSetter, propagation } from '@opentelemetry/api';
import { W3CBaggagePropagator } from '@opentelemetry/core';
const propagator = new W3CBaggagePropagator();
const read = (header) => propagator.extract(ROOT_CONTEXT, { baggage: header }, defaultTextMapGetter);
const write = (context) => { const out = {}; propagator.inject(context, out, defaultTextMapSetter); return out.baggage ?? null; };
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [what, ...rest] = JSON.parse(line);
  const entries = (context) => Object.fromEntries((propagation.getBaggage(context)?.getAllEntries() ?? []).map(([name, { value }]) => [name, value]));
  console.log(JSON.stringify(what === 'read' ? entries(read(rest[0])) : what === 'pass' ? write(read(rest[0]))
    : write(propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ [rest[0]]: { value: rest[1] } })))));
}
JS
cat > run.py <<'PY'
import json, subprocess
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
node = subprocess.Popen(['node', 'node.mjs'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def by_node(*call):
    node.stdin.write(json.dumps(call) + '\n'); node.stdin.flush()
    return json.loads(node.stdout.readline())
def read(header):
    return dict(baggage.get_all(W3CBaggagePropagator().extract({'baggage': header}, Context())))
def write(context):
    out = {}; W3CBaggagePropagator().inject(out, context)
    return out.get('baggage')
def passed(header):
    return write(W3CBaggagePropagator().extract({'baggage': header}, Context()))
for value in ('Ann Lee', 'ann+news@a.example', ' x ', 'a,b;c', 'é', ''):
    header = write(baggage.set_baggage('user', value, Context()))
    print(f'{value!r}: Python writes {header}, Node reads {by_node("read", header or "").get("user")!r}')
    header = by_node('write', 'user', value)
    print(f'{value!r}: Node writes {header}, Python reads {read(header or "").get("user")!r}')
for header in ('user=ann+news%40a.example', 'user=7;tenant=acme', 'user=,site=1', 'user=5%,site=1'):
    print(f'{header}: Node reads {by_node("read", header)} and passes on {by_node("pass", header)}')
    print(f'{header}: Python reads {read(header)} and passes on {passed(header)}')
node.stdin.close(); node.wait()
PY
cat > expected <<'TXT'
'Ann Lee': Python writes user=Ann+Lee, Node reads 'Ann+Lee'
'Ann Lee': Node writes user=Ann%20Lee, Python reads 'Ann Lee'
'ann+news@a.example': Python writes user=ann%2Bnews%40a.example, Node reads 'ann+news@a.example'
'ann+news@a.example': Node writes user=ann%2Bnews%40a.example, Python reads 'ann+news@a.example'
' x ': Python writes user=+x+, Node reads '+x+'
' x ': Node writes user=%20x%20, Python reads 'x'
'a,b;c': Python writes user=a%2Cb%3Bc, Node reads 'a,b;c'
'a,b;c': Node writes user=a%2Cb%3Bc, Python reads 'a,b;c'
'é': Python writes user=%C3%A9, Node reads 'é'
'é': Node writes user=%C3%A9, Python reads 'é'
'': Python writes user=, Node reads None
'': Node writes user=, Python reads ''
user=ann+news%40a.example: Node reads {'user': 'ann+news@a.example'} and passes on user=ann%2Bnews%40a.example
user=ann+news%40a.example: Python reads {'user': 'ann news@a.example'} and passes on user=ann+news%40a.example
user=7;tenant=acme: Node reads {'user': '7'} and passes on user=7;tenant=acme
user=7;tenant=acme: Python reads {'user': '7;tenant=acme'} and passes on user=7%3Btenant%3Dacme
user=,site=1: Node reads {'site': '1'} and passes on site=1
user=,site=1: Python reads {'user': '', 'site': '1'} and passes on user=,site=1
user=5%,site=1: Node reads {'site': '1'} and passes on site=1
user=5%,site=1: Python reads {'user': '5%', 'site': '1'} and passes on user=5%25,site=1
TXT
python/bin/python run.py 2>/dev/null | tee seen
diff expected seen
