// The HTTP side: headers, token, parameters, envelope, access line.

import { createVerifier } from 'fast-jwt';
import Fastify from 'fastify';
import pg from 'pg';
import { pino } from 'pino';
import { AuditLog } from './audit.js';
import { Callers } from './callers.js';
import { Problem } from './problem.js';
import { describeUser, userSchema } from './user.js';
import { findById, findUsers, readQuery } from './users.js';

const text = { type: 'string' };
const message = { type: 'object', properties: { code: text, text, type: text } };
const answers = (meta, data) => ({ response: { 200: { type: 'object', properties: { message, meta, data } } } });
const listSchema = answers(
  { type: 'object', properties: { totalRecords: { type: 'integer' } } },
  { type: 'array', items: userSchema },
);
const userAnswerSchema = answers({ type: 'null' }, userSchema);

export async function buildService(settings) {
  const pool = new pg.Pool({
    connectionString: settings.databaseUrl,
    max: settings.poolSize,
    // With requests at once on all processors, compiling a plan or starting workers for one of them only delays the others.
    options: '-c jit=off -c max_parallel_workers_per_gather=0',
  });
  // Of idle connections; without a listener they would end the process.
  pool.on('error', (error) => console.error(`a connection to the database broke: ${error.message}`));
  const audit = new AuditLog(pool);
  const verifyToken = createVerifier({
    key: settings.tokenSecret,
    algorithms: ['HS256'],
    allowedIss: settings.tokenIssuer,
    allowedAud: settings.tokenAudience,
    cache: 10_000,
  });
  const callers = new Callers(pool, verifyToken);

  // Lines gather in a buffer, and one line a request is written in place of fastify's two.
  const log = pino({}, pino.destination({ dest: 1, sync: false, minLength: 8_192, periodicFlush: 100 }));
  const service = Fastify({ loggerInstance: log, disableRequestLogging: true });

  service.addHook('onResponse', (request, reply, done) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      ms: reply.elapsedTime,
      group: request.headers['x-clientgroupcode'],
      client: request.headers['x-clientcode'],
      paper: request.headers['x-papercode'],
    });
    done();
  });
  service.addHook('onClose', async () => {
    await audit.close();
    await pool.end();
    log.flush();
  });
  service.setErrorHandler((error, request, reply) => {
    if (!(error instanceof Problem)) request.log.error(error);
    const status = error.status ?? error.statusCode ?? 500;
    const text = status < 500 ? error.message : 'Internal error';
    reply.code(status).send({
      message: { code: `UsersOrchestrator_E${status}`, text, type: 'Error' },
      meta: null,
      data: null,
    });
  });

  const answer = (code, text, meta, data) => ({ message: { code, text, type: 'Success' }, meta, data });
  const describe = (row) => describeUser(row, settings.sealingKey);

  service.get('/v4/Users', { schema: listSchema }, async (request) => {
    const { tenant, caller } = await callers.identify(request.headers);
    const query = readQuery(request.query);
    const { rows, total } = await findUsers(pool, tenant, query);
    audit.add(tenant, request.id, caller, 'users.list', rows.length);
    return answer('UsersOrchestrator_S200_02', 'Get completed.', { totalRecords: total }, rows.map(describe));
  });

  service.get('/v4/Users/:id', { schema: userAnswerSchema }, async (request) => {
    const { tenant, caller } = await callers.identify(request.headers);
    const row = await findById(pool, tenant, request.params.id);
    audit.add(tenant, request.id, caller, 'users.get', row ? 1 : 0);
    if (!row) throw new Problem(404, 'User not found.');
    return answer('UsersOrchestrator_S200_01', 'Get by id completed.', null, describe(row));
  });

  service.get('/health', async () => {
    await pool.query('SELECT 1');
    return { status: 'ok' };
  });

  return service;
}
