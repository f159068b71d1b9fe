// A real oidc-provider for tests: client credentials, access tokens as JWT for one API, and a key that can be rotated.
// Prints its address. `POST /test/keys/N,M` makes it sign with key N and publish keys N and M.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const API = 'https://users.north.example';

function key(number) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: `k${number}`, alg: 'ES256', use: 'sig' };
}

const keys = [1, 2, 3].map(key);
let handle;

function publish(issuer, numbers) {
  const provider = new Provider(issuer, {
    jwks: { keys: numbers.map((number) => keys[number - 1]) },
    clients: [{
      client_id: 'crm',
      client_secret: 'an-invented-secret',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        getResourceServerInfo: () => ({
          scope: 'users:read users:write',
          audience: API,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: () => ({ tenants: ['north/daily/*'] }),
  });
  handle = provider.callback();
}

const server = createServer((request, response) => {
  const rotation = /^\/test\/keys\/([123](?:,[123])*)$/.exec(request.url);
  if (request.method === 'POST' && rotation) {
    publish(issuer, rotation[1].split(',').map(Number));
    response.end();
    return;
  }
  handle(request, response);
});
let issuer;
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  publish(issuer, [1]);
  console.log(issuer);
});
// The test that started it holds its standard input open.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
