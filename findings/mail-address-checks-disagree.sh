#!/usr/bin/env bash
# Software: npm zod 4.6.7, valibot 1.5.0, arktype 2.2.10, ajv 8.20.0 with ajv-formats 3.0.1, joi 18.3.2, yup 1.7.1, validator 13.15.35 (Node 20);
# PyPI email-validator 2.4.0 (Python 3.11), which pydantic uses. The check of an address in a form, at one site and at the next.
#
# Guess: an ordinary address, of letters, digits and the signs that RFC 5321 permits without quotes, is taken by each, as is a domain in its
# ASCII form (`xn--…`), which is how an address with an internationalised domain is stored; non-ASCII may be refused.
#
# Seen:
#   valibot and arktype refuse the apostrophe of O'Brien; zod takes it. All three refuse the rarer signs.
#   valibot refuses every domain with two hyphens in a row, so all of the form `xn--…`; zod and arktype refuse it at the end (`.xn--p1ai`).
#   joi takes only ends that were on the list of its release; it and email-validator refuse `.test`, which a site's own tests may use.
#   Non-ASCII in the domain and before the "@" is taken by joi, validator and email-validator. The last one writes a domain
#   of the ASCII form in Unicode: the same address has another key than at a site that keeps it as it came.
#   Accounts that move in from another site need a check at the import that is not stricter than that site's.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund zod@4.6.7 valibot@1.5.0 arktype@2.2.10 ajv@8.20.0 ajv-formats@3.0.1 joi@18.3.2 yup@1.7.1 validator@13.15.35
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install email-validator==2.4.0
cat > addresses.json <<'JSON'
["ann.lee+news@example.com", "o'brien@example.com", "ann/lee=x@example.com", "ann!lee#x@example.com", "ann&lee@example.com", "ann@a--b.example.com",
 "ann@xn--bcher-kva.example.com", "ann@example.xn--p1ai", "ann@bücher.example.com", "zoë@example.com", "ann@example.museum", "ann@mail.example",
 "ann@example.test", "ann@example.local"]
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { type } from 'arktype';
import Joi from 'joi';
import * as v from 'valibot';
import validator from 'validator';
import * as yup from 'yup';
import { z } from 'zod';
const byAjv = addFormats(new Ajv()).compile({ type: 'string', format: 'email' });
const byArktype = type('string.email');
const checks = {
  zod: (text) => z.email().safeParse(text).success,
  valibot: (text) => v.safeParse(v.pipe(v.string(), v.email()), text).success,
  arktype: (text) => !(byArktype(text) instanceof type.errors),
  ajv: (text) => byAjv(text),
  joi: (text) => Joi.string().email().validate(text).error === undefined,
  yup: (text) => yup.string().email().isValidSync(text),
  validator: (text) => validator.isEmail(text),
};
for (const text of JSON.parse(fs.readFileSync('addresses.json', 'utf8'))) {
  const refusing = Object.keys(checks).filter((name) => !checks[name](text));
  console.log(`${text}: refused by ${refusing.join(', ') || 'none'}`);
}
JS
cat > run.py <<'PY'
import json
from email_validator import EmailNotValidError, validate_email
for text in json.load(open('addresses.json')):
    try: print(f'{text}: email-validator takes {validate_email(text, check_deliverability=False).normalized}')
    except EmailNotValidError as error: print(f'{text}: email-validator refuses')
PY
cat > expected <<'TXT'
ann.lee+news@example.com: refused by none
o'brien@example.com: refused by valibot, arktype
ann/lee=x@example.com: refused by zod, valibot, arktype
ann!lee#x@example.com: refused by zod, valibot, arktype
ann&lee@example.com: refused by zod, valibot, arktype
ann@a--b.example.com: refused by valibot
ann@xn--bcher-kva.example.com: refused by valibot
ann@example.xn--p1ai: refused by zod, valibot, arktype
ann@bücher.example.com: refused by zod, valibot, arktype, ajv, yup
zoë@example.com: refused by zod, valibot, arktype, ajv, yup
ann@example.museum: refused by none
ann@mail.example: refused by joi
ann@example.test: refused by joi
ann@example.local: refused by joi
ann.lee+news@example.com: email-validator takes ann.lee+news@example.com
o'brien@example.com: email-validator takes o'brien@example.com
ann/lee=x@example.com: email-validator takes ann/lee=x@example.com
ann!lee#x@example.com: email-validator takes ann!lee#x@example.com
ann&lee@example.com: email-validator takes ann&lee@example.com
ann@a--b.example.com: email-validator takes ann@a--b.example.com
ann@xn--bcher-kva.example.com: email-validator takes ann@bücher.example.com
ann@example.xn--p1ai: email-validator takes ann@example.рф
ann@bücher.example.com: email-validator takes ann@bücher.example.com
zoë@example.com: email-validator takes zoë@example.com
ann@example.museum: email-validator takes ann@example.museum
ann@mail.example: email-validator takes ann@mail.example
ann@example.test: email-validator refuses
ann@example.local: email-validator refuses
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
