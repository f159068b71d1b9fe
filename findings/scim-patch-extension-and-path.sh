#!/usr/bin/env bash
# Software: npm scim-patch 0.8.3 (PATCH of SCIM resources, RFC 7644 section 3.5.2), Node 20.
#
# Guess: `add` of an extension as a JSON object under its URN, the form in which RFC 7643 section 3 writes resources, adds that
# object under that URN; an operation means the same with the attribute in `path` and with the attribute in `value`; a `replace`
# whose value filter matches nothing is refused (`noTarget`, RFC 7644 section 3.5.2.3); a refused patch leaves the resource as it was.
#
# Seen:
#   1. {"urn:…:enterprise:2.0:User": {"department": "d"}} is stored as "urn:…:enterprise:2.0" → {"User": {"department": "d"}}:
#      the last part of the URN is taken for an attribute. "urn:…:User:department": "d" is stored in the right place.
#   2. `add` of an e-mail that is there already: nothing changes with `path`, a second copy is stored without it.
#   3. `replace` of {"givenName": "B"}: with path "name" familyName stays, without `path` it is lost.
#   4. `replace` of emails[type eq "home"].value where no address is of that type makes one instead of failing;
#      `replace` of emails[type eq "home"] fails.
#   5. After a patch whose second operation fails, the caller's resource holds the first: it is changed in place.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scim-patch@0.8.3
cat > run.mjs <<'JS'
import { scimPatch } from 'scim-patch';
const urn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const work = { type: 'work', value: 'w@mail.example' };
const user = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'ann',
  name: { givenName: 'A', familyName: 'F' }, emails: [{ ...work }], meta: { resourceType: 'User' },
});
const after = (operation) => {
  try { return scimPatch(user(), [operation]); } catch (error) { return { refused: error.scimCode }; }
};
const half = user();
try {
  scimPatch(half, [{ op: 'replace', path: 'name.givenName', value: 'B' },
                   { op: 'replace', path: 'emails[type eq "home"]', value: { value: 'h@mail.example' } }]);
} catch { /* the second operation is refused */ }
const seen = [
  ['whole extension', Object.entries(after({ op: 'add', value: { [urn]: { department: 'd' } } })).filter(([key]) => key.startsWith('urn'))],
  ['one attribute of it', Object.entries(after({ op: 'add', value: { [urn + ':department']: 'd' } })).filter(([key]) => key.startsWith('urn'))],
  ['same e-mail, path', after({ op: 'add', path: 'emails', value: [work] }).emails.length],
  ['same e-mail, no path', after({ op: 'add', value: { emails: [work] } }).emails.length],
  ['name, path', after({ op: 'replace', path: 'name', value: { givenName: 'B' } }).name],
  ['name, no path', after({ op: 'replace', value: { name: { givenName: 'B' } } }).name],
  ['no match, sub-attribute', after({ op: 'replace', path: 'emails[type eq "home"].value', value: 'h@mail.example' }).emails],
  ['no match, whole value', after({ op: 'replace', path: 'emails[type eq "home"]', value: { value: 'h@mail.example' } })],
  ['after a refused patch', half.name.givenName],
];
for (const [what, value] of seen) console.log(`${what}: ${JSON.stringify(value)}`);
JS
cat > expected <<'TXT'
whole extension: [["urn:ietf:params:scim:schemas:extension:enterprise:2.0",{"User":{"department":"d"}}]]
one attribute of it: [["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",{"department":"d"}]]
same e-mail, path: 1
same e-mail, no path: 2
name, path: {"givenName":"B","familyName":"F"}
name, no path: {"givenName":"B"}
no match, sub-attribute: [{"type":"work","value":"w@mail.example"},{"type":"home","value":"h@mail.example"}]
no match, whole value: {"refused":"noTarget"}
after a refused patch: "B"
TXT
node run.mjs | tee seen
diff expected seen
