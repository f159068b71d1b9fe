#!/usr/bin/env bash
# Software: PyPI zstandard 0.25.0 (Python 3.11), npm fflate 0.8.3 and fzstd 0.1.1 (Node 20).
# An export in NDJSON that was compressed in parts: several gzip members (RFC 1952 section 2.2) or Zstandard frames (RFC 8878 section 3.1)
# one after the other, with a skippable frame before each as pzstd writes it, or zeros after the last as tape and tar tools pad.
#
# Guess: each function of one library gives the same text for the same file, and none stops early without an error.
#
# Seen:
#   zstandard: decompress, decompressobj and read_to_iter end after the first frame, without an error; stream_reader, copy_stream and open
#   read all. A skippable frame counts as the first one: an export of pzstd has no line at all for the two that feed a loop.
#   fflate: gunzipSync reads the first member alone, and no more of it than the size at the end of the file says, which is the
#   last member's: 1 line of 100 beside a short member, 0 beside zeros. Gunzip reads all members, and refuses the zeros.
#   fzstd and the zlib of Node read everything. An import compares its count of lines with one that was taken before the compression.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fflate@0.8.3 fzstd@0.1.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install zstandard==0.25.0
cat > run.py <<'PY'
import io, zstandard
parts = [zstandard.ZstdCompressor().compress(b'{"a":1}\n' * 100) for _ in range(3)]
skippable = [b'\x50\x2a\x4d\x18\x04\x00\x00\x00' + len(part).to_bytes(4, 'little') for part in parts]
files = {'three frames': b''.join(parts), 'as pzstd writes them': b''.join(first + part for first, part in zip(skippable, parts))}
def decompressor(): return zstandard.ZstdDecompressor()
def copied(data):
    out = io.BytesIO(); decompressor().copy_stream(io.BytesIO(data), out)
    return out.getvalue()
ways = {
    'decompress': lambda data: decompressor().decompress(data),
    'decompressobj': lambda data: decompressor().decompressobj().decompress(data),
    'read_to_iter': lambda data: b''.join(decompressor().read_to_iter(io.BytesIO(data))),
    'stream_reader': lambda data: decompressor().stream_reader(io.BytesIO(data)).read(),
    'copy_stream': copied,
    'open': lambda data: zstandard.open(io.BytesIO(data), 'rb').read(),
}
for what, data in files.items():
    open(what + '.zst', 'wb').write(data)
    for way, work in ways.items():
        try: seen = f"{work(data).count(10)} lines"
        except zstandard.ZstdError as error: seen = f'error, {error}'
        print(f'zstandard {way}, {what}: {seen}')
PY
cat > run.mjs <<'JS'
import fs from 'node:fs';
import zlib from 'node:zlib';
import { Gunzip, gunzipSync } from 'fflate';
import { decompress } from 'fzstd';
const lines = (bytes) => Buffer.from(bytes).toString().split('\n').length - 1;
for (const file of ['three frames', 'as pzstd writes them']) console.log(`fzstd decompress, ${file}: ${lines(decompress(fs.readFileSync(`${file}.zst`)))} lines`);
const member = (count) => zlib.gzipSync('{"a":1}\n'.repeat(count));
for (const [what, data] of [
  ['three members', Buffer.concat([member(100), member(100), member(100)])],
  ['a long and a short member', Buffer.concat([member(100), member(1)])],
  ['one member and zeros', Buffer.concat([member(100), Buffer.alloc(512)])],
]) {
  const attempt = (work) => { try { return `${lines(work())} lines`; } catch (error) { return `error, ${error.message}`; } };
  const chunks = [];
  const streamed = attempt(() => { new Gunzip((chunk) => chunks.push(chunk)).push(data, true); return Buffer.concat(chunks); });
  console.log(`${what}: zlib of Node ${attempt(() => zlib.gunzipSync(data))}; fflate gunzipSync ${attempt(() => gunzipSync(data))}, Gunzip ${streamed}`);
}
JS
cat > expected <<'TXT'
zstandard decompress, three frames: 100 lines
zstandard decompressobj, three frames: 100 lines
zstandard read_to_iter, three frames: 100 lines
zstandard stream_reader, three frames: 300 lines
zstandard copy_stream, three frames: 300 lines
zstandard open, three frames: 300 lines
zstandard decompress, as pzstd writes them: error, decompression error: decompressed 0 bytes; expected 4
zstandard decompressobj, as pzstd writes them: 0 lines
zstandard read_to_iter, as pzstd writes them: 0 lines
zstandard stream_reader, as pzstd writes them: 300 lines
zstandard copy_stream, as pzstd writes them: 300 lines
zstandard open, as pzstd writes them: 300 lines
fzstd decompress, three frames: 300 lines
fzstd decompress, as pzstd writes them: 300 lines
three members: zlib of Node 300 lines; fflate gunzipSync 100 lines, Gunzip 300 lines
a long and a short member: zlib of Node 101 lines; fflate gunzipSync 1 lines, Gunzip 101 lines
one member and zeros: zlib of Node 100 lines; fflate gunzipSync 0 lines, Gunzip error, invalid gzip data
TXT
{ python/bin/python run.py; node run.mjs; } | tee seen
diff expected seen
