#!/usr/bin/env bash
# Software: npm client-zip 2.5.1, archiver 8.0.0, unzipper 0.12.5, fflate 0.8.3, yauzl 3.4.0, @zip.js/zip.js 2.24.0 (Node 20); PyPI
# zipstream-ng 1.9.3, stream-zip 0.0.84, stream-unzip 0.0.101 (Python 3.11). An export of users, written as a stream, so that each entry's
# size follows its data, and read as a stream where it is imported.
#
# Guess: what one of them writes each of the others reads, or refuses with an error.
#
# Seen: with compressed entries they agree. With stored ones, as client-zip always writes them and archiver with `store`, a reader that has
# not seen the list at the end can only look for the signature after the data, which the data may hold: an entry that is itself a ZIP does.
#   unzipper: `Parse` ends such an entry early and the file with it, the entries after it included, without an error. `Open` reads the list.
#   fflate: `Unzip` gives the inner ZIP's entries as entries of the outer one, and the wrong number of bytes for the ZIP itself.
#   stream-unzip refuses stored entries without a size; zip.js reads all of them.
#   With ZIP64 the size after the data has 8 bytes: `unzipper.Parse` fails on each file of zipstream-ng, however small.
#   An export that is read as a stream is best compressed, entry by entry, even where an entry is compressed already.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund client-zip@2.5.1 archiver@8.0.0 unzipper@0.12.5 fflate@0.8.3 yauzl@3.4.0 @zip.js/zip.js@2.24.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install zipstream-ng==1.9.3 stream-zip==0.0.84 stream-unzip==0.0.101
mkdir zips
cat > write.mjs <<'JS'
import fs from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipArchive } from 'archiver';
import { downloadZip } from 'client-zip';
const byClientZip = async (files) => Buffer.from(await downloadZip(files.map(([name, data]) => ({ name, input: new Blob([data]).stream() }))).arrayBuffer());
const byArchiver = async (files, options) => {
  const archive = new ZipArchive(options);
  const whole = buffer(archive);
  for (const [name, data] of files) archive.append(Readable.from([data]), { name });
  await archive.finalize();
  return whole;
};
const users = Buffer.from('{"id":1}'.repeat(50));
const files = [['a.zip', await byClientZip([['users.json', users]])], ['b.json', users]];
fs.writeFileSync('sizes.json', JSON.stringify(Object.fromEntries(files.map(([name, data]) => [name, data.length]))));
for (const [name, data] of files) fs.writeFileSync(name, data);
fs.writeFileSync('zips/client-zip', await byClientZip(files));
fs.writeFileSync('zips/archiver, stored', await byArchiver(files, { store: true }));
fs.writeFileSync('zips/archiver', await byArchiver(files, {}));
JS
cat > write.py <<'PY'
import datetime, zipstream
from stream_zip import ZIP_32, ZIP_64, stream_zip
files = [(name, open(name, 'rb').read()) for name in ('a.zip', 'b.json')]
def write(name, parts):
    with open(f'zips/{name}', 'wb') as file: file.writelines(parts)
stream = zipstream.ZipStream(compress_type=zipstream.ZIP_DEFLATED)
for name, data in files: stream.add(iter([data]), name)
write('zipstream-ng', stream)
now = datetime.datetime(2026, 11, 30)
for title, method in (('stream-zip, ZIP_32', ZIP_32), ('stream-zip, ZIP_64', ZIP_64)):
    write(title, stream_zip((name, now, 0o600, method, [data]) for name, data in files))
PY
cat > read.mjs <<'JS'
import fs from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipReaderStream } from '@zip.js/zip.js';
import { Unzip, UnzipInflate } from 'fflate';
import unzipper from 'unzipper';
import yauzl from 'yauzl';
const wanted = JSON.parse(fs.readFileSync('sizes.json', 'utf8'));
const readers = {
  async 'unzipper.Parse'(file) {
    const seen = {};
    for await (const entry of fs.createReadStream(file).pipe(unzipper.Parse({ forceStream: true }))) seen[entry.path] = (await entry.buffer()).length;
    return seen;
  },
  async 'unzipper.Open'(file) {
    return Object.fromEntries(await Promise.all((await unzipper.Open.file(file)).files.map(async (entry) => [entry.path, (await entry.buffer()).length])));
  },
  async 'fflate.Unzip'(file) {
    const seen = {};
    const unzip = new Unzip((entry) => {
      seen[entry.name] = 0;
      entry.ondata = (error, data) => { if (error) throw error; seen[entry.name] += data.length; };
      entry.start();
    });
    unzip.register(UnzipInflate);
    for await (const part of fs.createReadStream(file)) unzip.push(part);
    unzip.push(new Uint8Array(0), true);
    return seen;
  },
  yauzl(file) {
    return new Promise((resolve, reject) => yauzl.open(file, { lazyEntries: true }, (error, zip) => {
      if (error) { reject(error); return; }
      const seen = {};
      zip.on('error', reject).on('end', () => resolve(seen));
      zip.on('entry', (entry) => zip.openReadStream(entry, async (failure, stream) => {
        if (failure) { reject(failure); return; }
        seen[entry.fileName] = (await buffer(stream)).length;
        zip.readEntry();
      }));
      zip.readEntry();
    }));
  },
  async 'zip.js stream'(file) {
    const seen = {};
    for await (const entry of Readable.toWeb(fs.createReadStream(file)).pipeThrough(new ZipReaderStream())) {
      seen[entry.filename] = (await new Response(entry.readable).arrayBuffer()).byteLength;
    }
    return seen;
  },
};
for (const name of fs.readdirSync('zips').sort()) {
  for (const [reader, read] of Object.entries(readers)) {
    try {
      const seen = await read(`zips/${name}`);
      const names = [...new Set([...Object.keys(wanted), ...Object.keys(seen)])];
      const parts = names.map((part) => (seen[part] === wanted[part] ? `${part} whole` : `${part} ${seen[part] ?? 'missing'} of ${wanted[part] ?? 'none'}`));
      console.log(`${name}: ${reader}: ${parts.join(', ')}`);
    } catch (error) { console.log(`${name}: ${reader}: refused, ${error.message}`); }
  }
}
JS
cat > read.py <<'PY'
import json, os
from stream_unzip import UnzipError, stream_unzip
wanted = json.load(open('sizes.json'))
for name in sorted(os.listdir('zips')):
    try:
        seen = {part.decode(): sum(map(len, chunks)) for part, _, chunks in stream_unzip([open(f'zips/{name}', 'rb').read()])}
        print(f'{name}: stream-unzip: {", ".join(f"{part} whole" if seen[part] == wanted[part] else f"{part} {seen[part]}" for part in seen)}')
    except UnzipError as error:
        print(f'{name}: stream-unzip: refused, {type(error).__name__}')
PY
cat > expected <<'TXT'
archiver: unzipper.Parse: a.zip whole, b.json whole
archiver: unzipper.Open: a.zip whole, b.json whole
archiver: fflate.Unzip: a.zip whole, b.json whole
archiver: yauzl: a.zip whole, b.json whole
archiver: zip.js stream: a.zip whole, b.json whole
archiver, stored: unzipper.Parse: a.zip 440 of 534, b.json missing of 400
archiver, stored: unzipper.Open: a.zip whole, b.json whole
archiver, stored: fflate.Unzip: a.zip 1115 of 534, b.json whole, users.json 400 of none
archiver, stored: yauzl: a.zip whole, b.json whole
archiver, stored: zip.js stream: a.zip whole, b.json whole
client-zip: unzipper.Parse: a.zip 440 of 534, b.json missing of 400
client-zip: unzipper.Open: a.zip whole, b.json whole
client-zip: fflate.Unzip: a.zip 1115 of 534, b.json whole, users.json 400 of none
client-zip: yauzl: a.zip whole, b.json whole
client-zip: zip.js stream: a.zip whole, b.json whole
stream-zip, ZIP_32: unzipper.Parse: a.zip whole, b.json whole
stream-zip, ZIP_32: unzipper.Open: a.zip whole, b.json whole
stream-zip, ZIP_32: fflate.Unzip: a.zip whole, b.json whole
stream-zip, ZIP_32: yauzl: a.zip whole, b.json whole
stream-zip, ZIP_32: zip.js stream: a.zip whole, b.json whole
stream-zip, ZIP_64: unzipper.Parse: refused, invalid signature: 0x216
stream-zip, ZIP_64: unzipper.Open: a.zip whole, b.json whole
stream-zip, ZIP_64: fflate.Unzip: a.zip whole, b.json whole
stream-zip, ZIP_64: yauzl: a.zip whole, b.json whole
stream-zip, ZIP_64: zip.js stream: a.zip whole, b.json whole
zipstream-ng: unzipper.Parse: refused, invalid signature: 0x216
zipstream-ng: unzipper.Open: a.zip whole, b.json whole
zipstream-ng: fflate.Unzip: a.zip whole, b.json whole
zipstream-ng: yauzl: a.zip whole, b.json whole
zipstream-ng: zip.js stream: a.zip whole, b.json whole
archiver: stream-unzip: a.zip whole, b.json whole
archiver, stored: stream-unzip: refused, NotStreamUnzippable
client-zip: stream-unzip: refused, NotStreamUnzippable
stream-zip, ZIP_32: stream-unzip: a.zip whole, b.json whole
stream-zip, ZIP_64: stream-unzip: a.zip whole, b.json whole
zipstream-ng: stream-unzip: a.zip whole, b.json whole
TXT
node write.mjs; python/bin/python write.py
{ node read.mjs; python/bin/python read.py; } | tee seen
diff expected seen
