#!/usr/bin/env bash
# Software: npm scim2-parse-filter 0.2.10 (filters of SCIM, RFC 7644 section 3.4.2.2), Node 20.
#
# Guess: `emails[type eq "work" and value co "…"]` is met when one address meets both conditions, which is what the brackets are for
# ("the value path" applies to each value); `pr` is false for null and for an empty list; `\u00e9` in a quoted value is a
# letter, since comparison values are JSON; times are compared as times.
#
# Seen:
#   1. The brackets are met when one address meets the first condition and another the second: the same as `emails.type … and emails.value …`.
#   2. `title pr` is true for null, `emails pr` for [] (RFC 7644: "non-empty or non-null").
#   3. The value "\u00e9" is the six characters \u00e9.
#   4. `meta.lastModified lt` with another offset compares the texts: 2026-01-01T01:00:00+02:00 is not before 2026-01-01T00:00:00Z.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scim2-parse-filter@0.2.10
cat > run.mjs <<'JS'
import { filter, parse } from 'scim2-parse-filter';
const user = {
  userName: 'ann', title: null, photos: [],
  emails: [{ type: 'work', value: 'a@one.example' }, { type: 'home', value: 'a@two.example' }],
  meta: { lastModified: '2026-01-01T01:00:00+02:00' },
};
for (const text of [
  'emails[type eq "work" and value co "one.example"]',
  'emails[type eq "work" and value co "two.example"]',
  'title pr', 'photos pr', 'nickName pr',
  'meta.lastModified lt "2026-01-01T00:00:00Z"',
]) console.log(`${text}: ${filter(parse(text))(user)}`);
console.log(`length of "\\u00e9": ${parse('userName eq "\\u00e9"').compValue.length}`);
JS
cat > expected <<'TXT'
emails[type eq "work" and value co "one.example"]: true
emails[type eq "work" and value co "two.example"]: true
title pr: true
photos pr: true
nickName pr: false
meta.lastModified lt "2026-01-01T00:00:00Z": false
length of "\u00e9": 6
TXT
node run.mjs | tee seen
diff expected seen
