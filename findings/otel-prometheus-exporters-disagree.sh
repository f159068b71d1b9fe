#!/usr/bin/env bash
# Software: npm @opentelemetry/exporter-prometheus 0.223.0 with sdk-metrics 2.12.1 (Node 20); PyPI opentelemetry-exporter-prometheus 0.66b2
# with opentelemetry-sdk 1.45.2 and, as the reader of both, prometheus_client 0.26.0 (Python 3.11).
#
# Guess: services in two languages that record the same instruments appear in Prometheus under the same names, so one dashboard and one
# alert serves both; two attributes whose names differ in a dot alone become one label with both values, joined by ";" (the
# specification's page on Prometheus says so), and whatever is exported can be read.
#
# Seen:
#   Node adds no unit to a name, Python adds it in words: `login_duration` beside `login_duration_seconds`. Units "1" and "{mail}" add
#   nothing in either. An expression for one language selects nothing of the other, so an alert on it never fires.
#   The labels: Node writes the name twice, and a reader refuses the page with all other metrics of the process. Python keeps the last
#   value and drops the first one. An attribute that is renamed from `http_route` to `http.route` must not be set under both names.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/exporter-prometheus@0.223.0 @opentelemetry/sdk-metrics@2.12.1 @opentelemetry/api@1.9.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install opentelemetry-exporter-prometheus==0.66b2 opentelemetry-sdk==1.45.2 prometheus_client==0.26.0
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
for (const part of ['names', 'labels']) {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('app');
  if (part === 'names') {
    meter.createHistogram('login.duration', { unit: 's' }).record(0.5);
    meter.createCounter('mail.sent', { unit: 'By' }).add(1);
    meter.createCounter('mail.rate', { unit: 'By/s' }).add(1);
    meter.createGauge('pool.use', { unit: '1' }).record(0.5);
    meter.createGauge('queue', { unit: '{mail}' }).record(3);
  } else meter.createCounter('requests').add(1, { 'http.route': '/one', http_route: '/two' });
  fs.writeFileSync(`node.${part}`, new PrometheusSerializer().serialize((await reader.collect()).resourceMetrics));
}
JS
cat > run.py <<'PY'
import prometheus_client
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client.parser import text_string_to_metric_families
provider = MeterProvider(metric_readers=[PrometheusMetricReader()])
meter = provider.get_meter('app')
meter.create_histogram('login.duration', unit='s').record(0.5)
meter.create_counter('mail.sent', unit='By').add(1)
meter.create_counter('mail.rate', unit='By/s').add(1)
meter.create_gauge('pool.use', unit='1').set(0.5)
meter.create_gauge('queue', unit='{mail}').set(3)
meter.create_counter('requests').add(1, {'http.route': '/one', 'http_route': '/two'})
exported = prometheus_client.generate_latest().decode()
def names(text):
    families = [family.name for family in text_string_to_metric_families(text)]
    return ' '.join(sorted(name for name in families if name.startswith(('login', 'mail', 'pool', 'queue'))))
print('Node:  ', names(open('node.names').read()))
print('Python:', names(exported))
line = next(line for line in open('node.labels') if line.startswith('requests_total{'))
print('Node:  ', line.split(',otel')[0])
try:
    list(text_string_to_metric_families(open('node.labels').read()))
except ValueError as error:
    print('Node:   the whole page is refused:', str(error).split(',otel')[0])
labels = next(family for family in text_string_to_metric_families(exported) if family.name == 'requests').samples[0].labels
print('Python:', {name: text for name, text in labels.items() if name.startswith('http')})
PY
cat > expected <<'TXT'
Node:   login_duration mail_rate mail_sent pool_use queue
Python: login_duration_seconds mail_rate_bytes_per_second mail_sent_bytes pool_use queue
Node:   requests_total{http_route="/one",http_route="/two"
Node:   the whole page is refused: Invalid labels: http_route="/one",http_route="/two"
Python: {'http_route': '/two'}
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
