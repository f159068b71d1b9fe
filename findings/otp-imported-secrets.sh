#!/usr/bin/env bash
# Software: npm otplib 13.5.0 and otpauth 9.5.2 (Node 20); PyPI pyotp 2.12.1 (Python 3.11). otplib 12.0.1 as the one that made the secrets.
# A store of second factors that moves to a newer library, or to one in another language, with its secrets and key URIs.
#
# Guess: a shared secret is base32 of any length, so codes for the old secrets can be computed after an update; RFC 4226's 128 bits bind
# who makes new ones. A key URI (otpauth://…) of one library is read by the others.
#
# Seen:
#   otplib 13 refuses the secrets that otplib 12 made by default (10 bytes, the 16 letters of most older enrolments) whenever a code is
#   computed, so each such person is locked out by the update; `createGuardrails({ MIN_SECRET_BYTES: 10 })` takes them. pyotp refuses
#   them too, from a limit of its own: 112 bits, not 128, so that a secret of 15 bytes passes here and not there. A subclass
#   with another `min_secret_length_bits` takes them. otpauth has no limit.
#   Blanks in a secret, as enrolment pages print it: otpauth ignores them, the others refuse them, and otplib 12 computes a wrong code.
#   Key URIs: pyotp refuses `algorithm=sha256`, `otpauth://TOTP` (a host, which has no case) and an issuer that differs from the label's;
#   it reads "+" as a blank and "%3A" as part of the name, where otpauth keeps the plus and splits at the colon.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund otplib@13.5.0 old@npm:otplib@12.0.1 otpauth@9.5.2
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install pyotp==2.12.1
cat > cases.json <<'JSON'
{"secrets": {"10 bytes": "GEZDGNBVGY3TQOJQ", "15 bytes": "GEZDGNBVGY3TQOJQGEZDGNBV", "16 bytes": "GEZDGNBVGY3TQOJQGEZDGNBVGY",
  "in fours": "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"},
 "uris": [
  "otpauth://totp/Acme:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme",
  "otpauth://totp/Acme%3Aann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme",
  "otpauth://totp/Acme:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme+Inc",
  "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme+Inc",
  "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=sha256",
  "otpauth://TOTP/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
 ]}
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { createGuardrails, generate } from 'otplib';
import old from 'old';
import * as OTPAuth from 'otpauth';
const { secrets, uris } = JSON.parse(fs.readFileSync('cases.json', 'utf8'));
const made = old.authenticator.generateSecret();
console.log(`otplib 12 makes secrets of ${OTPAuth.Secret.fromBase32(made).buffer.byteLength} bytes`);
const attempt = async (work) => { try { return await work(); } catch (error) { return `refused, ${error.name}`; } };
for (const [what, secret] of Object.entries(secrets)) {
  console.log(`${what}: otplib 12 ${await attempt(() => old.authenticator.clone({ epoch: 59000 }).generate(secret))}`
    + `; otplib 13 ${await attempt(() => generate({ secret, epoch: 59 }))}`
    + `; with guardrails ${await attempt(() => generate({ secret, epoch: 59, guardrails: createGuardrails({ MIN_SECRET_BYTES: 10 }) }))}`
    + `; otpauth ${await attempt(() => new OTPAuth.TOTP({ secret }).generate({ timestamp: 59000 }))}`);
}
for (const uri of uris) {
  console.log('otpauth', uri.replace(/GEZ\w*/, '…'), await attempt(() => { const key = OTPAuth.URI.parse(uri); return [key.issuer, key.label, key.algorithm]; }));
}
JS
cat > run.py <<'PY'
import json, pyotp
class Old(pyotp.TOTP):
    min_secret_length_bits = 80
cases = json.load(open('cases.json'))
def attempt(work):
    try: return work()
    except Exception as error: return f'refused, {type(error).__name__}: {error}'
for what, secret in cases['secrets'].items():
    print(f"{what}: pyotp {attempt(lambda: pyotp.TOTP(secret).at(59))}; with a lower minimum {attempt(lambda: Old(secret).at(59))}")
for uri in cases['uris']:
    def read():
        key = pyotp.parse_uri(uri)
        return [key.issuer, key.name, key.digest().name]
    print('pyotp', uri.replace('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '…'), attempt(read))
PY
cat > expected <<'TXT'
otplib 12 makes secrets of 10 bytes
10 bytes: otplib 12 263420; otplib 13 refused, SecretTooShortError; with guardrails 263420; otpauth 263420
15 bytes: otplib 12 617190; otplib 13 refused, SecretTooShortError; with guardrails 617190; otpauth 617190
16 bytes: otplib 12 970934; otplib 13 970934; with guardrails 970934; otpauth 970934
in fours: otplib 12 513177; otplib 13 refused, Error; with guardrails refused, Error; otpauth 287082
otpauth otpauth://totp/Acme:ann?secret=…&issuer=Acme [ 'Acme', 'ann', 'SHA1' ]
otpauth otpauth://totp/Acme%3Aann?secret=…&issuer=Acme [ 'Acme', 'ann', 'SHA1' ]
otpauth otpauth://totp/Acme:ann?secret=…&issuer=Acme+Inc [ 'Acme+Inc', 'ann', 'SHA1' ]
otpauth otpauth://totp/ann?secret=…&issuer=Acme+Inc [ 'Acme+Inc', 'ann', 'SHA1' ]
otpauth otpauth://totp/ann?secret=…&algorithm=sha256 [ '', 'ann', 'SHA256' ]
otpauth otpauth://TOTP/ann?secret=… [ '', 'ann', 'SHA1' ]
10 bytes: pyotp refused, ValueError: Secrets must be at least 112 bits after decoding; with a lower minimum 263420
15 bytes: pyotp 617190; with a lower minimum 617190
16 bytes: pyotp 970934; with a lower minimum 970934
in fours: pyotp refused, Error: Non-base32 digit found; with a lower minimum refused, Error: Non-base32 digit found
pyotp otpauth://totp/Acme:ann?secret=…&issuer=Acme ['Acme', 'ann', 'sha1']
pyotp otpauth://totp/Acme%3Aann?secret=…&issuer=Acme ['Acme', 'Acme:ann', 'sha1']
pyotp otpauth://totp/Acme:ann?secret=…&issuer=Acme+Inc refused, ValueError: If issuer is specified in both label and parameters, it should be equal.
pyotp otpauth://totp/ann?secret=…&issuer=Acme+Inc ['Acme Inc', 'ann', 'sha1']
pyotp otpauth://totp/ann?secret=…&algorithm=sha256 refused, ValueError: Invalid value for algorithm, must be SHA1, SHA256 or SHA512
pyotp otpauth://TOTP/ann?secret=… refused, ValueError: Not a supported OTP type
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
