#!/usr/bin/env bash
# Software: clients npm openid-client 6.9.0 and simple-oauth2 5.1.0 (Node 20), PyPI Authlib 1.9.10 and requests-oauthlib 2.0.0 with oauthlib
# 4.0.1 (Python 3.11); servers npm oidc-provider 9.13.3 and @node-oauth/oauth2-server 5.3.0, PyPI Authlib 1.9.10 with Flask 3.1.3.
#
# Guess: id and secret of a client are encoded as a form does before they go into `Authorization: Basic` (RFC 6749 section 2.3.1), by each
# client of today, and decoded by each server; so a secret may be what `openssl rand -base64` writes, with "+", "/" and "=".
#
# Seen:
#   The clients of Node encode, those of Python do not. oidc-provider decodes a plus to a blank, oauth2-server decodes nothing, Authlib's
#   server decodes "%41" and leaves a plus. So a secret with a plus works in half of the pairs, whichever library is "right", and the next
#   secret, made by the same command, works in all of them. The answer is invalid_client.
#   openid-client also encodes "-", "_", "." and "~": even the id `news-app` is refused by a server that does not decode.
#   An id with ":" (a URN, a URL) is taken from no client of Python; one with a blank is taken by Authlib's server from no client of Node.
#   A server that hands out ids and secrets for others' clients makes them of letters and digits.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund openid-client@6.9.0 simple-oauth2@5.1.0 oidc-provider@9.13.3 @node-oauth/oauth2-server@5.3.0 express@5.3.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install Authlib==1.9.10 requests-oauthlib==2.0.0 oauthlib==4.0.1 Flask==3.1.3
echo '[["site", "plain"], ["site1", "k9+Zq/8="], ["site2", "p%41q"], ["news-app", "plain"], ["site 4", "plain"], ["urn:site:5", "plain"]]' > clients.json
cat > run.mjs <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import readline from 'node:readline';
import OAuth2Server from '@node-oauth/oauth2-server';
import express from 'express';
import Provider from 'oidc-provider';
import * as openid from 'openid-client';
import { ClientCredentials } from 'simple-oauth2';
const clients = JSON.parse(fs.readFileSync('clients.json', 'utf8'));

const provider = new Provider('http://127.0.0.1', {
  clients: clients.map(([client_id, client_secret]) => ({ client_id, client_secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] })),
  features: { clientCredentials: { enabled: true } },
  ttl: { ClientCredentials: 60 },
});
const server = new OAuth2Server({ model: {
  getClient: async (id, secret) => clients.some(([i, s]) => i === id && s === secret) && { id, grants: ['client_credentials'] },
  getUserFromClient: async () => ({}),
  saveToken: async (token, client, user) => ({ ...token, client, user }),
} });
const app = express().use(express.urlencoded({ extended: false }));
app.post('/token', async (request, response) => {
  try {
    const token = await server.token(new OAuth2Server.Request(request), new OAuth2Server.Response(response));
    response.json({ access_token: token.accessToken, token_type: 'Bearer' });
  } catch (error) { response.status(error.code).json({ error: error.name }); }
});
const addresses = {};
for (const [name, application] of [['oidc-provider', provider], ['oauth2-server', app]]) {
  const listener = application.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  addresses[name] = `http://127.0.0.1:${listener.address().port}`;
}
const python = spawn('python/bin/python', ['-W', 'ignore', 'run.py'], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = readline.createInterface({ input: python.stdout })[Symbol.asyncIterator]();
const fromPython = async () => JSON.parse((await lines.next()).value);
addresses.Authlib = await fromPython();

const ask = {
  async 'openid-client'(address, id, secret) {
    const client = new openid.Configuration({ issuer: 'http://127.0.0.1', token_endpoint: `${address}/token` }, id, undefined, openid.ClientSecretBasic(secret));
    openid.allowInsecureRequests(client);
    return openid.clientCredentialsGrant(client);
  },
  async 'simple-oauth2'(address, id, secret) {
    return (await new ClientCredentials({ client: { id, secret }, auth: { tokenHost: address, tokenPath: '/token' } }).getToken({})).token;
  },
};
for (const [id, secret] of clients) {
  for (const [name, address] of Object.entries(addresses)) {
    const seen = [];
    for (const [client, work] of Object.entries(ask)) {
      seen.push(`${client} ${await work(address, id, secret).then((token) => (token.access_token ? 'yes' : 'none'), () => 'no')}`);
    }
    python.stdin.write(`${JSON.stringify([address, id, secret])}\n`);
    console.log(`${JSON.stringify(id)} with ${JSON.stringify(secret)} at ${name}: ${[...seen, ...await fromPython()].join(', ')}`);
  }
}
process.exit();
JS
cat > run.py <<'PY'
import json, logging, os, sys, threading
os.environ['AUTHLIB_INSECURE_TRANSPORT'] = os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc6749 import ClientMixin, grants
from flask import Flask
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
from werkzeug.serving import make_server
class Client(ClientMixin):
    def __init__(self, id, secret): self.client_id, self.secret = id, secret
    def get_client_id(self): return self.client_id
    def get_allowed_scope(self, scope): return ''
    def check_client_secret(self, secret): return self.secret == secret
    def check_endpoint_auth_method(self, method, endpoint): return True
    def check_grant_type(self, grant): return True
class Grant(grants.ClientCredentialsGrant): TOKEN_ENDPOINT_AUTH_METHODS = ['client_secret_basic']
app = Flask('server')
clients = {id: Client(id, secret) for id, secret in json.load(open('clients.json'))}
server = AuthorizationServer(app, query_client=clients.get, save_token=lambda token, request: None)
server.register_grant(Grant)
app.post('/token')(lambda: server.create_token_response())
logging.getLogger('werkzeug').setLevel(logging.ERROR)
listener = make_server('127.0.0.1', 0, app, threaded=True)
threading.Thread(target=listener.serve_forever, daemon=True).start()
print(json.dumps(f'http://127.0.0.1:{listener.server_port}'), flush=True)
for line in sys.stdin:
    address, id, secret = json.loads(line)
    seen = []
    for name, work in (('Authlib', lambda: AuthlibSession(id, secret).fetch_token(address + '/token', grant_type='client_credentials')),
            ('requests-oauthlib', lambda: OAuth2Session(client=BackendApplicationClient(id)).fetch_token(address + '/token', client_id=id, client_secret=secret))):
        try: seen.append(f'{name} {"yes" if work().get("access_token") else "none"}')
        except Exception as error: seen.append(f'{name} no')
    print(json.dumps(seen), flush=True)
PY
cat > expected <<'TXT'
"site" with "plain" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site" with "plain" at oauth2-server: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site" with "plain" at Authlib: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site1" with "k9+Zq/8=" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib no, requests-oauthlib no
"site1" with "k9+Zq/8=" at oauth2-server: openid-client no, simple-oauth2 no, Authlib yes, requests-oauthlib yes
"site1" with "k9+Zq/8=" at Authlib: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site2" with "p%41q" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib no, requests-oauthlib no
"site2" with "p%41q" at oauth2-server: openid-client no, simple-oauth2 no, Authlib yes, requests-oauthlib yes
"site2" with "p%41q" at Authlib: openid-client yes, simple-oauth2 yes, Authlib no, requests-oauthlib no
"news-app" with "plain" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"news-app" with "plain" at oauth2-server: openid-client no, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"news-app" with "plain" at Authlib: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site 4" with "plain" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib yes, requests-oauthlib yes
"site 4" with "plain" at oauth2-server: openid-client no, simple-oauth2 no, Authlib yes, requests-oauthlib yes
"site 4" with "plain" at Authlib: openid-client no, simple-oauth2 no, Authlib yes, requests-oauthlib yes
"urn:site:5" with "plain" at oidc-provider: openid-client yes, simple-oauth2 yes, Authlib no, requests-oauthlib no
"urn:site:5" with "plain" at oauth2-server: openid-client no, simple-oauth2 no, Authlib no, requests-oauthlib no
"urn:site:5" with "plain" at Authlib: openid-client yes, simple-oauth2 yes, Authlib no, requests-oauthlib no
TXT
node run.mjs 2>/dev/null | tee seen
diff expected seen
