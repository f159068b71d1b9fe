#!/usr/bin/env bash
# Software: npm jose 6.2.18 (Node 20); PyPI PyJWT 2.15.1, joserfc 1.8.0, Authlib 1.9.10 (Python 3.11, cryptography 50.0.2).
# What a publisher's other services do with the key set that its issuer publishes, now that RFC 9864 gives Ed25519 a name of its own.
#
# Guess: the names "EdDSA" and "Ed25519" mean the same key for each library that knows both, so an issuer may change the key's
# `alg` first and its tokens later; one key of a set that cannot be used is skipped (RFC 7517 section 5: "SHOULD ignore").
#
# Seen:
#   1. A key with alg "Ed25519" and a token with "EdDSA", or the other way round: jose and joserfc find no key. Without `alg` in the key
#      both verify. PyJWT knows "EdDSA" alone: a set whose only key has alg "Ed25519" "did not contain any usable keys. Perhaps
#      'cryptography' is not installed?". Authlib ignores the key's `alg` and refuses a token with "Ed25519".
#   2. A second key that cannot be used, beside the right one: an incomplete one costs joserfc and Authlib the whole set, an unknown
#      curve joserfc (a bare KeyError), an unknown key type Authlib (a bare KeyError). jose and PyJWT skip all three.
#   So an issuer that changes over publishes its Ed25519 key without `alg`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jose@6.2.18
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install PyJWT==2.15.1 joserfc==1.8.0 Authlib==1.9.10 cryptography==50.0.2
cat > run.mjs <<'JS'
import fs from 'node:fs';
import * as jose from 'jose';
const pair = await jose.generateKeyPair('Ed25519', { extractable: true });
const key = { ...(await jose.exportJWK(pair.publicKey)), kid: '1' };
const sign = (alg) => new jose.SignJWT({ sub: '1' }).setProtectedHeader({ alg, kid: '1' }).setExpirationTime('1h').sign(pair.privateKey);
const tokens = { Ed25519: await sign('Ed25519'), EdDSA: await sign('EdDSA') };
const cases = [
  ['token Ed25519, key without alg', 'Ed25519', [key]],
  ['token EdDSA, key without alg', 'EdDSA', [key]],
  ['token Ed25519, key EdDSA', 'Ed25519', [{ ...key, alg: 'EdDSA' }]],
  ['token EdDSA, key Ed25519', 'EdDSA', [{ ...key, alg: 'Ed25519' }]],
  ['beside an incomplete key', 'EdDSA', [key, { kty: 'EC', crv: 'P-256', kid: '2' }]],
  ['beside an unknown curve', 'EdDSA', [key, { kty: 'EC', crv: 'P-999', kid: '2', x: 'AA', y: 'AA' }]],
  ['beside an unknown type', 'EdDSA', [key, { kty: 'ZZ', kid: '2' }]],
].map(([what, alg, keys]) => [what, tokens[alg], keys]);
fs.writeFileSync('cases.json', JSON.stringify(cases));
for (const [what, token, keys] of cases) {
  const result = await jose.jwtVerify(token, jose.createLocalJWKSet({ keys })).then(() => 'verified', (error) => error.code);
  console.log(`jose, ${what}: ${result}`);
}
JS
cat > run.py <<'PY'
import json, warnings
warnings.simplefilter('ignore')
import jwt
from authlib.jose import JsonWebKey, JsonWebToken
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
names = ['EdDSA', 'Ed25519', 'ES256']
def pyjwt(token, keys):
    key = next(key for key in jwt.PyJWKSet(keys).keys if key.key_id == '1')
    jwt.decode(token, key, algorithms=names)
def joserfc(token, keys):
    joserfc_jwt.decode(token, KeySet.import_key_set({'keys': keys}), algorithms=names)
def authlib(token, keys):
    JsonWebToken(names).decode(token, JsonWebKey.import_key_set({'keys': keys}))
for verify in (pyjwt, joserfc, authlib):
    for what, token, keys in json.load(open('cases.json')):
        try:
            verify(token, keys)
            result = 'verified'
        except Exception as error:
            result = type(error).__name__
        print(f'{verify.__name__}, {what}: {result}')
PY
cat > expected <<'TXT'
jose, token Ed25519, key without alg: verified
jose, token EdDSA, key without alg: verified
jose, token Ed25519, key EdDSA: ERR_JWKS_NO_MATCHING_KEY
jose, token EdDSA, key Ed25519: ERR_JWKS_NO_MATCHING_KEY
jose, beside an incomplete key: verified
jose, beside an unknown curve: verified
jose, beside an unknown type: verified
pyjwt, token Ed25519, key without alg: InvalidAlgorithmError
pyjwt, token EdDSA, key without alg: verified
pyjwt, token Ed25519, key EdDSA: InvalidAlgorithmError
pyjwt, token EdDSA, key Ed25519: PyJWKSetError
pyjwt, beside an incomplete key: verified
pyjwt, beside an unknown curve: verified
pyjwt, beside an unknown type: verified
joserfc, token Ed25519, key without alg: verified
joserfc, token EdDSA, key without alg: verified
joserfc, token Ed25519, key EdDSA: InvalidKeyIdError
joserfc, token EdDSA, key Ed25519: InvalidKeyIdError
joserfc, beside an incomplete key: KeyParameterError
joserfc, beside an unknown curve: KeyError
joserfc, beside an unknown type: verified
authlib, token Ed25519, key without alg: UnsupportedAlgorithmError
authlib, token EdDSA, key without alg: verified
authlib, token Ed25519, key EdDSA: UnsupportedAlgorithmError
authlib, token EdDSA, key Ed25519: verified
authlib, beside an incomplete key: ValueError
authlib, beside an unknown curve: verified
authlib, beside an unknown type: KeyError
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
