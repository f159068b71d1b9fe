#!/usr/bin/env bash
# Software: npm @simplewebauthn/server 14.0.3 (Node 20); PyPI webauthn 3.0.1 and fido2 2.2.1 (Python 3.11, cryptography 50.0.2, cbor2 6.3.0).
# Passkeys whose keys bear the COSE identifiers of RFC 9864, which say the curve too: -9 (ESP256), -51 (ESP384), -19 (Ed25519), beside
# the older ones -7, -35, -36 and -8. WebAuthn Level 3 has both sorts; the bytes of key and signature are the same.
#
# Guess: an algorithm that a server names as supported is accepted at the registration and verified at each login, or is refused at the
# registration; the libraries know the same elliptic curves.
#
# Seen:
#   @simplewebauthn/server: what `supportedAlgorithmIDs` names is registered, with attestation "none", and looked at no further. A passkey
#   with -9, -51 or -19 then fails at every login: the person has a factor that can't be used.
#   webauthn (py_webauthn): none of the three has a name in its list, and of the older ones ES384 (-35) has none either, though ES512 has.
#   fido2 verifies all; it offers the older identifiers alone, as the standard advises.
#   Name the older identifiers only, and verify one login before the passkey counts as registered.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @simplewebauthn/server@14.0.3
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install webauthn==3.0.1 fido2==2.2.1 cryptography==50.0.2 cbor2==6.3.0
cat > run.py <<'PY'
import base64, hashlib, json
import cbor2, fido2.cose, webauthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from webauthn.helpers.cose import COSEAlgorithmIdentifier
text = lambda octets: base64.urlsafe_b64encode(octets).rstrip(b'=').decode()
site, challenge = {'expected_rp_id': 'a.example', 'expected_origin': 'https://a.example'}, b'sixteen octets..'
def elliptic(alg, curve, number, size, digest):
    key = ec.generate_private_key(curve); point = key.public_key().public_numbers()
    return {1: 2, 3: alg, -1: number, -2: point.x.to_bytes(size), -3: point.y.to_bytes(size)}, lambda data: key.sign(data, ec.ECDSA(digest))
def edwards(alg):
    key = ed25519.Ed25519PrivateKey.generate()
    return {1: 1, 3: alg, -1: 6, -2: key.public_key().public_bytes_raw()}, key.sign
def made(alg):
    if alg in (-8, -19): return edwards(alg)
    if alg in (-7, -9): return elliptic(alg, ec.SECP256R1(), 1, 32, hashes.SHA256())
    if alg in (-35, -51): return elliptic(alg, ec.SECP384R1(), 2, 48, hashes.SHA384())
    return elliptic(alg, ec.SECP521R1(), 3, 66, hashes.SHA512())
def seen(work):
    try: work(); return 'yes'
    except Exception as error: return type(error).__name__
cases = []
for alg in (-7, -9, -35, -51, -36, -8, -19):
    public, sign = made(alg)
    client = {kind: json.dumps({'type': f'webauthn.{kind}', 'challenge': text(challenge), 'origin': site['expected_origin']}).encode() for kind in ('create', 'get')}
    head = hashlib.sha256(b'a.example').digest()
    known = head + b'\x45' + bytes(4 + 16) + b'\x00\x10' + b'i' * 16 + cbor2.dumps(public)
    login = head + b'\x05' + bytes(4)
    signed = login + hashlib.sha256(client['get']).digest()
    common = {'id': text(b'i' * 16), 'rawId': text(b'i' * 16), 'type': 'public-key', 'clientExtensionResults': {}}
    registration = common | {'response': {'clientDataJSON': text(client['create']),
        'attestationObject': text(cbor2.dumps({'fmt': 'none', 'attStmt': {}, 'authData': known}))}}
    assertion = common | {'response': {'clientDataJSON': text(client['get']), 'authenticatorData': text(login), 'signature': text(sign(signed))}}
    cases.append({'alg': alg, 'registration': registration, 'assertion': assertion, 'key': text(cbor2.dumps(public)), 'challenge': text(challenge)})
    named = seen(lambda: webauthn.verify_registration_response(credential=registration, expected_challenge=challenge, **site,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(alg)]))
    verified = seen(lambda: webauthn.verify_authentication_response(credential=assertion, expected_challenge=challenge, **site,
        credential_public_key=cbor2.dumps(public), credential_current_sign_count=0))
    by_fido2 = seen(lambda: fido2.cose.CoseKey.parse(public).verify(signed, base64.urlsafe_b64decode(assertion['response']['signature'] + '==')))
    offered = 'offered' if alg in fido2.cose.CoseKey.supported_algorithms() else 'not offered'
    print(f'{alg}: webauthn registers: {named}, logs in: {verified}; fido2 verifies: {by_fido2}, {offered}')
json.dump(cases, open('cases.json', 'w'))
PY
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
for (const { alg, registration, assertion, key, challenge } of JSON.parse(fs.readFileSync('cases.json', 'utf8'))) {
  const common = { expectedChallenge: challenge, expectedOrigin: 'https://a.example', expectedRPID: 'a.example' };
  const seen = (promise) => promise.then(({ verified }) => (verified ? 'yes' : 'no'), (error) => error.message);
  const credential = { id: registration.id, publicKey: Buffer.from(key, 'base64url'), counter: 0 };
  const registered = await seen(verifyRegistrationResponse({ ...common, response: registration, supportedAlgorithmIDs: [alg] }));
  console.log(`${alg}: @simplewebauthn/server registers: ${registered}, logs in: ${await seen(verifyAuthenticationResponse({ ...common, response: assertion, credential }))}`);
}
JS
cat > expected <<'TXT'
-7: webauthn registers: yes, logs in: yes; fido2 verifies: yes, offered
-9: webauthn registers: ValueError, logs in: UnsupportedAlgorithm; fido2 verifies: yes, not offered
-35: webauthn registers: ValueError, logs in: UnsupportedAlgorithm; fido2 verifies: yes, offered
-51: webauthn registers: ValueError, logs in: UnsupportedAlgorithm; fido2 verifies: yes, not offered
-36: webauthn registers: yes, logs in: yes; fido2 verifies: yes, offered
-8: webauthn registers: yes, logs in: yes; fido2 verifies: yes, offered
-19: webauthn registers: ValueError, logs in: UnsupportedPublicKey; fido2 verifies: yes, not offered
-7: @simplewebauthn/server registers: yes, logs in: yes
-9: @simplewebauthn/server registers: yes, logs in: Could not map COSE alg value of -9 to a WebCrypto hash alg name
-35: @simplewebauthn/server registers: yes, logs in: yes
-51: @simplewebauthn/server registers: yes, logs in: Could not map COSE alg value of -51 to a WebCrypto hash alg name
-36: @simplewebauthn/server registers: yes, logs in: yes
-8: @simplewebauthn/server registers: yes, logs in: yes
-19: @simplewebauthn/server registers: yes, logs in: Public key had invalid alg -19 (OKP)
TXT
{ python/bin/python run.py; node run.mjs; } | tee seen
diff expected seen
