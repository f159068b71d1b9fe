// The queries. Those with a name are parsed once for each connection.

import { Problem } from './problem.js';

const COLUMNS = `crid, email, first_name, last_name, verified, password_hash IS NOT NULL AS has_password, metadata`;

// By the numbers of the contract. The address is unique in a tenant and needs no second column.
const ORDERS = { 1: ['crid'], 2: ['email'], 4: ['last_name', 'crid'], 7: ['registered_at', 'crid'] };

const PARAMETERS = new Set(['email', 'emailMatch', 'pageSize', 'pageNumber', 'orderBy', 'orderByType']);

export function readQuery(parameters) {
  const query = { email: undefined, isPart: false, metadata: {}, size: 10, page: 1, order: ORDERS[2], descending: false };
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value !== 'string') throw new Problem(400, `Invalid InputModel - ${name} is given twice`);
    if (name.startsWith('metadata.')) query.metadata[name.slice(9)] = value;
    else if (!PARAMETERS.has(name)) throw new Problem(400, `Invalid InputModel - unknown parameter ${name}`);
  }
  if (parameters.email !== undefined) {
    query.email = parameters.email.toLowerCase();
    if (!['exact', 'contains', undefined].includes(parameters.emailMatch)) {
      throw new Problem(400, 'Invalid InputModel - emailMatch must be exact or contains');
    }
    const isWhole = /^[^@\s]+@[^@\s]+$/.test(query.email);
    query.isPart = parameters.emailMatch ? parameters.emailMatch === 'contains' : !isWhole;
  }
  query.size = whole(parameters, 'pageSize', 1, 1_000) ?? query.size;
  query.page = whole(parameters, 'pageNumber', 1, 2_147_483_647) ?? query.page;
  query.order = ORDERS[whole(parameters, 'orderBy', 1, 8) ?? 2];
  if (!query.order) throw new Problem(400, 'Invalid InputModel - orderBy: this order is not offered');
  query.descending = whole(parameters, 'orderByType', 0, 1) === 1;
  return query;
}

function whole(parameters, name, least, most) {
  const text = parameters[name];
  if (text === undefined) return undefined;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Problem(400, `Invalid InputModel - ${name} must be a whole number from ${least} to ${most}`);
}

export async function findById(pool, tenant, id) {
  const { rows } = await pool.query({
    name: 'by-id',
    text: `SELECT ${COLUMNS} FROM users WHERE tenant_id = $1 AND crid = $2`,
    values: [tenant, id],
  });
  return rows[0];
}

// A page and the exact total of all that match.
export async function findUsers(pool, tenant, query) {
  const isFiltered = Object.keys(query.metadata).length > 0;
  if (query.email !== undefined && !query.isPart && !isFiltered) return findByEmail(pool, tenant, query);
  const { name, condition, values } = filter(tenant, query);
  const skip = (query.page - 1) * query.size;
  const order = query.order.map((column) => `${column} ${query.descending ? 'DESC' : 'ASC'}`).join(', ');
  const { rows } = await pool.query({
    name: name && `${name}-${query.order[0]}-${query.descending}`,
    text: `SELECT ${COLUMNS} FROM users WHERE ${condition} ORDER BY ${order}
            LIMIT $${values.length + 1} OFFSET $${values.length + 2}`,
    values: [...values, query.size, skip],
  });
  // A page that is not full is the last one, and then the total is known.
  const isLast = rows.length < query.size && (rows.length > 0 || skip === 0);
  return { rows, total: isLast ? skip + rows.length : await count(pool, name, condition, values) };
}

async function count(pool, name, condition, values) {
  const { rows } = await pool.query({
    name: name && `${name}-count`,
    text: `SELECT count(*)::integer AS total FROM users WHERE ${condition}`,
    values,
  });
  return rows[0].total;
}

async function findByEmail(pool, tenant, query) {
  const { rows } = await pool.query({
    name: 'by-email',
    text: `SELECT ${COLUMNS} FROM users WHERE tenant_id = $1 AND email = $2`,
    values: [tenant, query.email],
  });
  return { rows: query.page === 1 ? rows : [], total: rows.length };
}

// The condition and its values. Statements with a filter have no name and are planned for their values each time: what is best
// for a rare part of an address is slow for a common one, and a plan for any part is slow for both.
function filter(tenant, query) {
  const values = [tenant];
  let condition = 'tenant_id = $1';
  if (query.email !== undefined) {
    // Addresses are kept in lower case: LIKE finds what ILIKE would, and need not fold each address.
    values.push(query.isPart ? `%${query.email.replace(/[\\%_]/g, '\\$&')}%` : query.email);
    condition += ` AND email ${query.isPart ? 'LIKE' : '='} $${values.length}`;
  }
  if (Object.keys(query.metadata).length > 0) {
    values.push(JSON.stringify(query.metadata));
    condition += ` AND metadata @> $${values.length}`;
  }
  return { name: values.length === 1 ? 'list' : undefined, condition, values };
}
