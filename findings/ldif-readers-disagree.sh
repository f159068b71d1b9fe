#!/usr/bin/env bash
# Software: npm ldif 0.5.1 (Node 20) and PyPI ldif 4.3.0 (Python 3.11), readers of LDIF (RFC 2849).
#
# Guess: a file with a folded comment (RFC 2849, note 3: "any non-empty line, including comment lines, may be folded"), an attribute
# without a value and a value that ends with a blank is read alike by both.
#
# Seen:
#   npm ldif: an attribute without a value ("sn:") raises a TypeError, and a folded comment a SyntaxError; the whole file is lost
#   with its other records. The trailing blank is kept.
#   PyPI ldif: reads both; the trailing blank is dropped. A base64 value that is no UTF-8 comes as `bytes`, all others as `str`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ldif@0.5.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install ldif==4.3.0
cat > cases.json <<'JSON'
{"plain": "dn: uid=ann,dc=mail,dc=example\ncn: Ann\n\ndn: uid=bo,dc=mail,dc=example\ncn: Bo\n",
 "empty value": "dn: uid=ann,dc=mail,dc=example\nsn:\ncn: Ann\n\ndn: uid=bo,dc=mail,dc=example\ncn: Bo\n",
 "folded comment": "# first\n  second\ndn: uid=ann,dc=mail,dc=example\ncn: Ann\n",
 "trailing blank": "dn: uid=ann,dc=mail,dc=example\ncn: Ann \n",
 "Latin-1 in base64": "dn: uid=ann,dc=mail,dc=example\ncn:: QW5uIEL8\nsn: B\n"}
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import ldif from 'ldif';
for (const [what, text] of Object.entries(JSON.parse(fs.readFileSync('cases.json', 'utf8')))) {
  if (what === 'Latin-1 in base64') continue;
  try {
    console.log(`npm ${what}: ${JSON.stringify(ldif.parse(text).entries.map((entry) => entry.toObject({ flatten: false }).attributes))}`);
  } catch (error) { console.log(`npm ${what}: raises ${error.name}`); }
}
JS
cat > run.py <<'PY'
import io, json, ldif
for what, text in json.load(open('cases.json')).items():
    records = [dict(entry) for _, entry in ldif.LDIFParser(io.BytesIO(text.encode())).parse()]
    print(f'python {what}: {records}')
PY
cat > expected <<'TXT'
npm plain: [{"cn":["Ann"]},{"cn":["Bo"]}]
npm empty value: raises TypeError
npm folded comment: raises SyntaxError
npm trailing blank: [{"cn":["Ann "]}]
python plain: [{'cn': ['Ann']}, {'cn': ['Bo']}]
python empty value: [{'sn': [''], 'cn': ['Ann']}, {'cn': ['Bo']}]
python folded comment: [{'cn': ['Ann']}]
python trailing blank: [{'cn': ['Ann']}]
python Latin-1 in base64: [{'cn': [b'Ann B\xfc'], 'sn': ['B']}]
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
