// Who calls, and for which tenant: the token, the four headers, and the tenants that the token grants.

import { Problem } from './problem.js';

const HEADERS = ['authorization', 'x-sourcesystem', 'x-clientgroupcode', 'x-clientcode', 'x-papercode'];
const TENANT_LIFETIME_MS = 60_000;

export class Callers {
  #pool;
  #verifyToken;
  // group/client/paper → a promise of the tenant's number, so that requests at once share one query.
  #tenants = new Map();

  constructor(pool, verifyToken) {
    this.#pool = pool;
    this.#verifyToken = verifyToken;
  }

  async identify(headers) {
    for (const name of HEADERS) {
      if (!headers[name]) throw new Problem(400, `Invalid InputModel - ${name} is missing`);
    }
    const claims = this.#verify(headers.authorization);
    const codes = [headers['x-clientgroupcode'], headers['x-clientcode'], headers['x-papercode']];
    const isGranted = claims.scope?.split(' ').includes('users:read') && grantsTenant(claims.tenants, codes);
    const tenant = isGranted ? await this.#tenantOf(codes) : undefined;
    if (tenant === undefined) throw new Problem(403, 'The tenant is not granted');
    return { tenant, caller: headers['x-sourcesystem'] };
  }

  #verify(authorization) {
    const [scheme, token] = authorization.split(' ', 2);
    if (scheme.toLowerCase() !== 'bearer') throw new Problem(401, 'Unauthorized');
    try {
      return this.#verifyToken(token);
    } catch {
      throw new Problem(401, 'Unauthorized');
    }
  }

  #tenantOf(codes) {
    const key = codes.join('/');
    const known = this.#tenants.get(key);
    if (known && known.until > Date.now()) return known.number;
    const number = this.#readTenant(codes);
    this.#tenants.set(key, { number, until: Date.now() + TENANT_LIFETIME_MS });
    // A failed query is not remembered.
    number.catch(() => this.#tenants.delete(key));
    return number;
  }

  async #readTenant(codes) {
    const { rows } = await this.#pool.query({
      name: 'tenant',
      text: 'SELECT id FROM tenants WHERE client_group = $1 AND client = $2 AND paper = $3',
      values: codes,
    });
    return rows[0]?.id;
  }
}

// Grants are `group/client/paper`, each part of which may be `*`.
function grantsTenant(grants, codes) {
  if (!Array.isArray(grants)) return false;
  return grants.some((grant) => {
    const parts = grant.split('/');
    return parts.length === 3 && parts.every((part, at) => part === '*' || part === codes[at]);
  });
}
