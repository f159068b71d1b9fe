#!/usr/bin/env bash
# Software: npm ldapts 8.2.0 (Node 20) and PyPI ldap3 2.9.1 (Python 3.11), which turn an LDAP filter (RFC 4515) into a request.
#
# Guess: `\XX` in a filter stands for one octet of the value (RFC 4515 section 3), which is how a client looks a user up by objectGUID or
# objectSid, and how it may write "ö" (`\c3\b6`); both libraries send the same octets. Attributes may be named with an option
# (`cn;lang-de`) or by number (`2.5.4.3`); `(&)` is true and `(|)` false (RFC 4526).
#
# Seen:
#   ldapts: `\80` to `\ff` are each read as a character and sent as two octets of UTF-8: a search for an objectGUID finds nobody, since
#   a GUID has an octet from 80 to bf that tells its variant, and `\c3\b6` looks for "Ã¶". No error is raised. A filter object with a
#   Buffer sends the octets. An attribute with an option or given by number is refused.
#   ldap3: sends the octets and takes both attributes.
#   Both refuse `(&)` and `(|)`, which a program that joins a list of conditions arrives at when the list is empty.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ldapts@8.2.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install ldap3==2.9.1 pyasn1==0.6.5
cat > filters.json <<'JSON'
["(cn=\\28x\\29)", "(cn=ö)", "(cn=\\c3\\b6)", "(cn=*\\c3\\b6*)", "(objectGUID=\\00\\7f\\80\\ff)", "(cn;lang-de=x)", "(2.5.4.3=x)", "(&)", "(|)"]
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import net from 'node:net';
import { Client, EqualityFilter } from 'ldapts';
// A server that keeps the request and hangs up. The filter is between "types only" (01 01 00) and the empty list of attributes (30 00).
const request = (filter) => new Promise((resolve, reject) => {
  const server = net.createServer((socket) => socket.once('data', (data) => {
    resolve(data.toString('hex').match(/010100(.*)3000$/)[1]);
    socket.destroy();
    server.close();
  }));
  server.listen(0, '127.0.0.1', () => {
    const client = new Client({ url: `ldap://127.0.0.1:${server.address().port}`, timeout: 2000 });
    client.search('dc=example', { filter }).catch((error) => { reject(error); server.close(); });
  });
});
const cases = JSON.parse(fs.readFileSync('filters.json', 'utf8')).map((text) => [text, text]);
cases.push(['EqualityFilter with a Buffer 00 7f 80 ff', new EqualityFilter({ attribute: 'objectGUID', value: Buffer.from('007f80ff', 'hex') })]);
for (const [what, filter] of cases) {
  console.log(`ldapts ${what}: ${await request(filter).catch((error) => `refused, ${error.message}`)}`);
}
process.exit();
JS
cat > run.py <<'PY'
import json
from ldap3.core.exceptions import LDAPInvalidFilterError
from ldap3.operation.search import compile_filter, parse_filter
from pyasn1.codec.ber.encoder import encode
for text in json.load(open('filters.json')):
    try:
        tree = parse_filter(text, None, True, None, None, None)
        print(f'ldap3 {text}: {encode(compile_filter(tree.elements[0])).hex()}')
    except LDAPInvalidFilterError as error:
        print(f'ldap3 {text}: refused, {error}')
PY
cat > expected <<'TXT'
ldapts (cn=\28x\29): a3090402636e0403287829
ldapts (cn=ö): a3080402636e0402c3b6
ldapts (cn=\c3\b6): a30a0402636e0404c383c2b6
ldapts (cn=*\c3\b6*): a40c0402636e30068104c383c2b6
ldapts (objectGUID=\00\7f\80\ff): a314040a6f626a656374475549440406007fc280c3bf
ldapts (cn;lang-de=x): refused, Invalid expression: cn;lang-de=x
ldapts (2.5.4.3=x): refused, Invalid expression: 2.5.4.3=x
ldapts (&): refused, Missing paren: (&). Full string: (&)
ldapts (|): refused, Missing paren: (|). Full string: (|)
ldapts EqualityFilter with a Buffer 00 7f 80 ff: a312040a6f626a656374475549440404007f80ff
ldap3 (cn=\28x\29): a3090402636e0403287829
ldap3 (cn=ö): a3080402636e0402c3b6
ldap3 (cn=\c3\b6): a3080402636e0402c3b6
ldap3 (cn=*\c3\b6*): a40a0402636e30048102c3b6
ldap3 (objectGUID=\00\7f\80\ff): a312040a6f626a656374475549440404007f80ff
ldap3 (cn;lang-de=x): a30f040a636e3b6c616e672d6465040178
ldap3 (2.5.4.3=x): a30c0407322e352e342e33040178
ldap3 (&): refused, malformed filter
ldap3 (|): refused, malformed filter
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
