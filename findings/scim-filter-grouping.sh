#!/usr/bin/env bash
# Software: PyPI scim2-filter-parser 0.7.0 (filter to SQL; Python 3.11), npm scimmy 1.3.5 and scim2-parse-filter 0.2.10 (filter over objects; Node 20).
# Filters of SCIM (RFC 7644 section 3.4.2.2).
#
# Guess: "not" binds before "and", "and" before "or" (the RFC's order); `not (…)` is the contrary of its group; groups nest; names of
# attributes and operators don't look at case; `[… not (…)]` is met by an address that does not meet the group. A filter that a
# library cannot express raises an error.
#
# Seen:
#   scim2-filter-parser: "and" and "or" bind alike, from the left: `a or b and c` is `(a or b) and c`. A condition on an attribute that is
#   not in the map, or is written in other case, is left out without an error, and the rest selects more users than were asked for;
#   alone it gives no SQL (None). `eq null` compares with the text "NULL".
#   scimmy: `not (a or b)` of two users finds everybody and `not (a and b)` nobody: each condition is negated and the word between them
#   stays. `not (emails[…])` finds those who have such an address. A group in a group is refused with "not" or in an "or"; `pr` on an
#   empty list raises a TypeError.
#   scim2-parse-filter finds the expected users, but for `pr` and null, which scim-filter-value-path.sh is about.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scimmy@1.3.5 scim2-parse-filter@0.2.10
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install scim2-filter-parser==0.7.0
cat > filters.json <<'JSON'
["userName eq \"ann\" or title pr and active eq false", "not (userName eq \"ann\" or userName eq \"bo\")", "not (userName eq \"ann\" and active eq false)",
 "not (not (userName eq \"ann\"))", "userName eq \"ann\" or (userName eq \"bo\" and (active eq true or title pr))", "not (emails[type eq \"work\"])",
 "emails pr", "USERNAME EQ \"ann\"", "userName eq \"ann\" and nickName eq \"x\"", "title eq null"]
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import SCIMMY from 'scimmy';
import { filter, parse } from 'scim2-parse-filter';
const users = [
  { userName: 'ann', title: 'x', active: true, emails: [{ type: 'work', value: 'a@one.example' }] },
  { userName: 'bo', title: 'y', active: false, emails: [{ type: 'home', value: 'b@two.example' }] },
  { userName: 'cy', active: false, emails: [] },
];
const found = (work) => { try { return work().map((user) => user.userName).join() || 'nobody'; } catch (error) { return `raises ${error.constructor.name}`; } };
for (const text of JSON.parse(fs.readFileSync('filters.json', 'utf8'))) {
  console.log(`${text}: scimmy ${found(() => new SCIMMY.Types.Filter(text).match(users))};`
    + ` scim2-parse-filter ${found(() => users.filter(filter(parse(text))))}`);
}
JS
cat > run.py <<'PY'
import json, sqlite3
from scim2_filter_parser.lexer import SCIMLexer
from scim2_filter_parser.parser import SCIMParser
from scim2_filter_parser.transpilers.sql import Transpiler
columns = {(name, None, None): name for name in ('userName', 'title', 'active')} | {('emails', 'type', None): 'emails.type'}
for text in json.load(open('filters.json')):
    try:
        sql, values = Transpiler(columns).transpile(SCIMParser().parse(SCIMLexer().tokenize(text)))
        print(f'{text}: scim2-filter-parser {sql} {values}')
    except Exception as error:
        print(f'{text}: scim2-filter-parser raises {type(error).__name__}')
PY
cat > expected <<'TXT'
userName eq "ann" or title pr and active eq false: scimmy ann,bo; scim2-parse-filter ann,bo
not (userName eq "ann" or userName eq "bo"): scimmy ann,bo,cy; scim2-parse-filter cy
not (userName eq "ann" and active eq false): scimmy nobody; scim2-parse-filter ann,bo,cy
not (not (userName eq "ann")): scimmy raises SCIMError; scim2-parse-filter ann
userName eq "ann" or (userName eq "bo" and (active eq true or title pr)): scimmy raises SCIMError; scim2-parse-filter ann,bo
not (emails[type eq "work"]): scimmy ann; scim2-parse-filter bo,cy
emails pr: scimmy raises TypeError; scim2-parse-filter ann,bo,cy
USERNAME EQ "ann": scimmy ann; scim2-parse-filter ann
userName eq "ann" and nickName eq "x": scimmy nobody; scim2-parse-filter nobody
title eq null: scimmy cy; scim2-parse-filter nobody
userName eq "ann" or title pr and active eq false: scim2-filter-parser ((UPPER(userName) = UPPER({a})) OR (title IS NOT NULL)) AND (active = {c}) {'a': 'ann', 'b': None, 'c': 'FALSE'}
not (userName eq "ann" or userName eq "bo"): scim2-filter-parser NOT ((UPPER(userName) = UPPER({a})) OR (UPPER(userName) = UPPER({b}))) {'a': 'ann', 'b': 'bo'}
not (userName eq "ann" and active eq false): scim2-filter-parser NOT ((UPPER(userName) = UPPER({a})) AND (active = {b})) {'a': 'ann', 'b': 'FALSE'}
not (not (userName eq "ann")): scim2-filter-parser NOT (NOT (UPPER(userName) = UPPER({a}))) {'a': 'ann'}
userName eq "ann" or (userName eq "bo" and (active eq true or title pr)): scim2-filter-parser (UPPER(userName) = UPPER({a})) OR ((UPPER(userName) = UPPER({b})) AND ((active = {c}) OR (title IS NOT NULL))) {'a': 'ann', 'b': 'bo', 'c': 'TRUE', 'd': None}
not (emails[type eq "work"]): scim2-filter-parser NOT (emails.type = {a}) {'a': 'work'}
emails pr: scim2-filter-parser None {}
USERNAME EQ "ann": scim2-filter-parser None {}
userName eq "ann" and nickName eq "x": scim2-filter-parser UPPER(userName) = UPPER({a}) {'a': 'ann'}
title eq null: scim2-filter-parser title = {a} {'a': 'NULL'}
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
