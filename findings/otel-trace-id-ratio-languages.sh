#!/usr/bin/env bash
# Software: npm @opentelemetry/sdk-trace-base 2.12.1 and sampler-composite 0.222.0 with api 1.9.1 (Node 20); PyPI opentelemetry-sdk 1.45.2
# (Python 3.11); crate opentelemetry_sdk 0.33.1.
#
# Guess: `OTEL_TRACES_SAMPLER=traceidratio` with 0.1 keeps the same tenth of the traces in each language, since the decision is made of the
# trace id alone: services that decide for themselves (no parent's flag at hand, or one that is not trusted) still keep whole traces.
#
# Seen: Node joins the four parts of the id by exclusive or, Python takes its last 8 bytes, Rust takes them too and drops a bit, so that it
# agrees with Python. With 0.1, Node and Python keep a tenth of the traces each and a hundredth together; with 0.5 it is a quarter: as if
# each threw dice. Within a language, what 0.1 keeps 0.5 keeps too.
#   The experimental composite samplers of Node and Python keep the same traces. Else let one service decide and the others follow its flag
#   (parentbased_traceidratio), also across a queue.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/sampler-composite@0.222.0 @opentelemetry/api@1.9.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install opentelemetry-sdk==1.45.2
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
opentelemetry = { version = "=0.33.1", default-features = false, features = ["trace"] }
opentelemetry_sdk = { version = "=0.33.1", default-features = false, features = ["trace"] }
TOML
cat > src/main.rs <<'RS'
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

fn main() {
    for ratio in [0.1, 0.5] {
        let sampler = Sampler::TraceIdRatioBased(ratio);
        let ids = std::fs::read_to_string("ids").unwrap();
        let decisions = ids.lines().map(|id| {
            let result = sampler.should_sample(None, TraceId::from_hex(id).unwrap(), "x", &SpanKind::Internal, &[], &[]);
            if result.decision == SamplingDecision::RecordAndSample { '1' } else { '0' }
        });
        println!("{}", decisions.collect::<String>());
    }
}
RS
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { createComposableProbabilitySampler, createCompositeSampler } from '@opentelemetry/sampler-composite';
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
const ids = fs.readFileSync('ids', 'utf8').trim().split('\n');
for (const sampler of [new TraceIdRatioBasedSampler(0.1), new TraceIdRatioBasedSampler(0.5), createCompositeSampler(createComposableProbabilitySampler(0.1))]) {
  console.log(ids.map((id) => (sampler.shouldSample(ROOT_CONTEXT, id, 'x', 0, {}, []).decision === 2 ? '1' : '0')).join(''));
}
JS
cat > run.py <<'PY'
import hashlib, subprocess
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
ids = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(20_000)]
open('ids', 'w').write('\n'.join(ids))
def lines(*command):
    return [line.strip() for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()]
def decide(sampler):
    return ''.join('01'[sampler.should_sample(None, int(id, 16), 'x').decision is Decision.RECORD_AND_SAMPLE] for id in ids)
node = lines('node', 'run.mjs')
rust = lines('cargo', 'run', '--quiet')
python = [decide(TraceIdRatioBased(0.1)), decide(TraceIdRatioBased(0.5)), decide(composite_sampler(composable_traceid_ratio_based(0.1)))]
def percent(*kept):
    return f'{100 * sum(all(one == "1" for one in each) for each in zip(*kept)) / len(ids):.1f} %'
for number, title in enumerate(('0.1', '0.5', 'composite, 0.1')):
    print(f'{title}: Node {percent(node[number])}, Python {percent(python[number])}, both {percent(node[number], python[number])}')
for number, title in enumerate(('0.1', '0.5')):
    print(f'{title}: Rust {percent(rust[number])}, Rust and Python {percent(rust[number], python[number])}, all three {percent(rust[number], python[number], node[number])}')
for name, kept in (('Node', node), ('Python', python), ('Rust', rust)):
    print(f'{name}: of 0.1 also in 0.5: {percent(*kept[:2])}')
PY
cat > expected <<'TXT'
0.1: Node 10.3 %, Python 10.1 %, both 1.1 %
0.5: Node 50.5 %, Python 50.5 %, both 25.6 %
composite, 0.1: Node 9.9 %, Python 9.9 %, both 9.9 %
0.1: Rust 10.1 %, Rust and Python 10.1 %, all three 1.1 %
0.5: Rust 50.5 %, Rust and Python 50.5 %, all three 25.6 %
Node: of 0.1 also in 0.5: 10.3 %
Python: of 0.1 also in 0.5: 10.1 %
Rust: of 0.1 also in 0.5: 10.1 %
TXT
python/bin/python run.py | tee seen
diff expected seen
