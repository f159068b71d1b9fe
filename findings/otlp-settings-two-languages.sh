#!/usr/bin/env bash
# Software: npm @opentelemetry/exporter-trace-otlp-http 0.223.1 with sdk-trace-base 2.12.1 (Node 20); PyPI opentelemetry-exporter-otlp-proto-http
# 1.45.2 (Python 3.11). Settings from the environment, which a deployment gives to all its services alike.
#
# Guess: OTEL_EXPORTER_OTLP_TIMEOUT is in milliseconds (the specification's unit) for both; the headers for traces alone are added to those
# for all signals, or take their place, in both alike; a value that a header may hold is taken as it is.
#
# Seen:
#   Python reads the timeout as seconds: with 10000, the specification's own value written out, a collector that accepts and does not answer
#   is waited for almost three hours.
#   OTEL_EXPORTER_OTLP_TRACES_HEADERS is added in Node and takes the place of all others in Python: the key of the collector is gone.
#   Python leaves out an entry with a quotation mark in it, Node sends it; Node leaves out one with a "%" that escapes nothing and cuts a
#   value at ";", which Python's also needs as %3B. All of it only a line in a log.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/exporter-trace-otlp-http@0.223.1 @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/api@1.9.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-sdk==1.45.2
cat > export.mjs <<'JS'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.getTracer('x').startSpan('x').end();
await provider.forceFlush().catch(() => {});
process.exit();
JS
cat > export.py <<'PY'
import os
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
provider.get_tracer('x').start_span('x').end()
os._exit(0)
PY
cat > run.mjs <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
let seen;
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url.startsWith('/silent')) return;
    seen = Object.entries(request.headers).filter(([name]) => name.startsWith('x-')).map(([name, value]) => `${name}: ${value}`).join(', ');
    response.setHeader('content-type', request.headers['content-type']);
    response.end(request.headers['content-type'].includes('json') ? '{}' : '');
  });
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = `http://127.0.0.1:${server.address().port}`;
const headers = (all, traces) => ({ OTEL_EXPORTER_OTLP_HEADERS: all, ...(traces && { OTEL_EXPORTER_OTLP_TRACES_HEADERS: traces }) });
const cases = [headers('x-key=k9+Zq/8=,x-two=a%20b'), headers('x-key=1', 'x-two=2'), headers('x-key="1",x-two=2'), headers('x-key=50%,x-two=2'),
  headers('x-key=a;b,x-two=2'), headers('x-key=a%3Bb,x-two=2'), { OTEL_EXPORTER_OTLP_TIMEOUT: '1000' }];
for (const environment of cases) {
  for (const [name, command, ...options] of [['Node', 'node', 'export.mjs'], ['Python', 'python/bin/python', '-W', 'ignore', 'export.py']]) {
    const silent = environment.OTEL_EXPORTER_OTLP_TIMEOUT;
    seen = 'not sent';
    const child = spawn(command, options, { env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: `${address}${silent ? '/silent' : ''}`, ...environment } });
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const [code] = await once(child, 'exit');
    clearTimeout(late);
    if (silent) seen = code === 0 ? 'gave up' : 'still waiting after 10 s';
    console.log(`${Object.entries(environment).map((pair) => pair.join('=').replace('OTEL_EXPORTER_OTLP_', '')).join(' ')}: ${name} ${seen}`);
  }
}
process.exit();
JS
cat > expected <<'TXT'
HEADERS=x-key=k9+Zq/8=,x-two=a%20b: Node x-key: k9+Zq/8=, x-two: a b
HEADERS=x-key=k9+Zq/8=,x-two=a%20b: Python x-key: k9+Zq/8=, x-two: a b
HEADERS=x-key=1 TRACES_HEADERS=x-two=2: Node x-key: 1, x-two: 2
HEADERS=x-key=1 TRACES_HEADERS=x-two=2: Python x-two: 2
HEADERS=x-key="1",x-two=2: Node x-key: "1", x-two: 2
HEADERS=x-key="1",x-two=2: Python x-two: 2
HEADERS=x-key=50%,x-two=2: Node x-two: 2
HEADERS=x-key=50%,x-two=2: Python x-key: 50%, x-two: 2
HEADERS=x-key=a;b,x-two=2: Node x-key: a, x-two: 2
HEADERS=x-key=a;b,x-two=2: Python x-two: 2
HEADERS=x-key=a%3Bb,x-two=2: Node x-key: a;b, x-two: 2
HEADERS=x-key=a%3Bb,x-two=2: Python x-key: a;b, x-two: 2
TIMEOUT=1000: Node gave up
TIMEOUT=1000: Python still waiting after 10 s
TXT
node run.mjs | tee seen
diff expected seen
