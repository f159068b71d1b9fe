#!/usr/bin/env bash
# Software: npm http-message-signatures 1.0.6 and http-message-sig 0.3.0 (Node 20); PyPI http-message-signatures 3.0.0 (Python 3.11).
# Signatures of HTTP requests (RFC 9421), made by each library and checked by each with the public key.
#
# Guess: a request that one of them signs is taken by all, for a registered algorithm and for parts of the request that both know.
#
# Seen:
#   rsa-pss-sha512: what http-message-signatures of Node signs is refused by both others. Its salt is as long as the key allows (190 octets
#   for 2048 bits), where RFC 9421 wants 64. It takes a salt of any length itself, so that a test with it alone passes, and so does the
#   way back.
#   `@query-param`: the same library leaves ' ( ) ~ and ! as they are; Python encodes them, as RFC 9421 does. A search for `O'Brien` is
#   refused in both directions, one for `Smith` is not. http-message-sig does not have this part.
#   `@query`: both of Node read the address as a browser does, for which ' is always `%27`. When the request line has ' itself, as PyPI
#   requests and httpx send an address that is written in that way, Python's signature is refused by both.
#   `@target-uri`: http-message-signatures signs an address without a path, given as text, without the "/" that the server sees; every
#   library refuses that, also itself.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-message-signatures@1.0.6 http-message-sig@0.3.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install http-message-signatures==3.0.0 cryptography==50.0.2
cat > cases.json <<'JSON'
[
  {"title": "ed25519", "algorithm": "ed25519", "url": "https://directory.example/users?limit=2", "parts": ["@method", "@authority", "@target-uri"]},
  {"title": "rsa-pss-sha512", "algorithm": "rsa-pss-sha512", "url": "https://directory.example/users?limit=2", "parts": ["@method", "@authority", "@target-uri"]},
  {"title": "@query-param Smith", "algorithm": "ed25519", "url": "https://directory.example/users?name=Smith", "parts": ["\"@query-param\";name=\"name\""]},
  {"title": "@query-param O'Brien", "algorithm": "ed25519", "url": "https://directory.example/users?name=O%27Brien", "parts": ["\"@query-param\";name=\"name\""]},
  {"title": "@query O'Brien, encoded", "algorithm": "ed25519", "url": "https://directory.example/users?name=O%27Brien", "parts": ["@query"]},
  {"title": "@query O'Brien", "algorithm": "ed25519", "url": "https://directory.example/users?name=O'Brien", "parts": ["@query"]},
  {"title": "@target-uri without a path", "algorithm": "ed25519", "url": "https://directory.example?limit=2", "server": "https://directory.example/?limit=2", "parts": ["@target-uri"]}
]
JSON
cat > keys.mjs <<'JS'
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
for (const [algorithm, kind] of [['ed25519', 'ed25519'], ['rsa-pss-sha512', 'rsa']]) {
  const { privateKey, publicKey } = generateKeyPairSync(kind, { modulusLength: 2048 });
  writeFileSync(`${algorithm}.private`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(`${algorithm}.public`, publicKey.export({ type: 'spki', format: 'pem' }));
}
JS
cat > node.mjs <<'JS'
import { createPublicKey, createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import * as sig from 'http-message-sig';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';
const key = (name) => readFileSync(name, 'utf8');
const imported = (name, use) => {
  const kind = name.startsWith('rsa') ? { name: 'RSA-PSS', hash: 'SHA-512' } : { name: 'Ed25519' };
  const made = use === 'sign' ? createPrivateKey(key(name)) : createPublicKey(key(name));
  return crypto.subtle.importKey('jwk', { ...made.export({ format: 'jwk' }) }, kind, false, [use]);
};
const libraries = {
  'http-message-signatures': {
    async sign({ algorithm, url, parts }) {
      const signer = createSigner(key(`${algorithm}.private`), algorithm, 'key');
      return (await httpbis.signMessage({ key: signer, fields: parts }, { method: 'GET', url, headers: {} })).headers;
    },
    async verify({ algorithm, url, server }, headers) {
      const verifier = { id: 'key', algs: [algorithm], verify: createVerifier(key(`${algorithm}.public`), algorithm) };
      return httpbis.verifyMessage({ keyLookup: async () => verifier }, { method: 'GET', url: server ?? url, headers });
    },
  },
  'http-message-sig': {
    async sign({ algorithm, url, parts }) {
      const signer = sig.webcrypto.signer(await imported(`${algorithm}.private`, 'sign'));
      const parameters = { created: Math.floor(Date.now() / 1000), keyid: 'key', alg: algorithm };
      const made = await sig.createSignature(new Request(url), { components: parts, parameters, signer });
      return { Signature: made.signature, 'Signature-Input': made.signatureInput };
    },
    async verify({ algorithm, url, server, parts }, headers) {
      const verifier = sig.webcrypto.verifier(await imported(`${algorithm}.public`, 'verify'));
      const policy = { algorithms: [algorithm], requiredComponents: parts, requiredParameters: ['created', 'keyid'], maxAge: 300, clockSkew: 5 };
      await sig.verifySignature(new Request(server ?? url, { headers }), { policy, resolveVerifier: () => verifier });
      return true;
    },
  },
};
const known = (name, { parts }) => name !== 'http-message-sig' || !parts[0].includes('@query-param');
if (process.argv[2] === 'sign') {
  const signed = [];
  for (const one of JSON.parse(readFileSync('cases.json'))) {
    for (const [name, { sign }] of Object.entries(libraries)) if (known(name, one)) signed.push({ ...one, by: name, headers: await sign(one) });
  }
  writeFileSync('node.json', JSON.stringify(signed));
} else {
  for (const one of JSON.parse(readFileSync('seen.json'))) {
    for (const [name, { verify }] of Object.entries(libraries)) {
      if (!known(name, one)) continue;
      one.seen[name] = 'refused';
      try { if (await verify(one, one.headers)) one.seen[name] = 'taken'; } catch (error) { if (error.code !== 'VerificationFailed') throw error; }
    }
    console.log(`${one.title}, by ${one.by}:`, Object.entries(one.seen).map(([name, seen]) => `${name} ${seen}`).join(', '));
  }
}
JS
cat > run.py <<'PY'
import json, sys
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, InvalidSignature, algorithms
from http_message_signatures.resolvers import MappingKeyResolver

class Request:
    def __init__(self, url, headers):
        self.method, self.url, self.headers = 'GET', url, headers

def tools(make, one):
    name = one['algorithm']
    keys = MappingKeyResolver(public_keys={'key': open(name + '.public', 'rb').read()}, private_keys={'key': open(name + '.private', 'rb').read()})
    return make(signature_algorithm={'ed25519': algorithms.ED25519, 'rsa-pss-sha512': algorithms.RSA_PSS_SHA512}[name], key_resolver=keys)

signed = []
for one in json.load(open('cases.json')):
    headers = {}
    tools(HTTPMessageSigner, one).sign(Request(one['url'], headers), key_id='key', covered_component_ids=one['parts'])
    signed.append({**one, 'by': 'python', 'headers': headers})
signed += json.load(open('node.json'))
for one in signed:
    try:
        tools(HTTPMessageVerifier, one).verify(Request(one.get('server', one['url']), one['headers']))
        one['seen'] = {'python': 'taken'}
    except InvalidSignature:
        one['seen'] = {'python': 'refused'}
order = [one['title'] for one in signed]
json.dump(sorted(signed, key=lambda one: order.index(one['title'])), open('seen.json', 'w'))
PY
cat > expected <<'TXT'
ed25519, by python: python taken, http-message-signatures taken, http-message-sig taken
ed25519, by http-message-signatures: python taken, http-message-signatures taken, http-message-sig taken
ed25519, by http-message-sig: python taken, http-message-signatures taken, http-message-sig taken
rsa-pss-sha512, by python: python taken, http-message-signatures taken, http-message-sig taken
rsa-pss-sha512, by http-message-signatures: python refused, http-message-signatures taken, http-message-sig refused
rsa-pss-sha512, by http-message-sig: python taken, http-message-signatures taken, http-message-sig taken
@query-param Smith, by python: python taken, http-message-signatures taken
@query-param Smith, by http-message-signatures: python taken, http-message-signatures taken
@query-param O'Brien, by python: python taken, http-message-signatures refused
@query-param O'Brien, by http-message-signatures: python refused, http-message-signatures taken
@query O'Brien, encoded, by python: python taken, http-message-signatures taken, http-message-sig taken
@query O'Brien, encoded, by http-message-signatures: python taken, http-message-signatures taken, http-message-sig taken
@query O'Brien, encoded, by http-message-sig: python taken, http-message-signatures taken, http-message-sig taken
@query O'Brien, by python: python taken, http-message-signatures refused, http-message-sig refused
@query O'Brien, by http-message-signatures: python refused, http-message-signatures taken, http-message-sig taken
@query O'Brien, by http-message-sig: python refused, http-message-signatures taken, http-message-sig taken
@target-uri without a path, by python: python taken, http-message-signatures taken, http-message-sig taken
@target-uri without a path, by http-message-signatures: python refused, http-message-signatures refused, http-message-sig refused
@target-uri without a path, by http-message-sig: python taken, http-message-signatures taken, http-message-sig taken
TXT
node keys.mjs
node node.mjs sign
python/bin/python run.py
node node.mjs verify | tee seen
diff expected seen
