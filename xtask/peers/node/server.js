// Starts one worker for each process wanted; they share the port.

import cluster from 'node:cluster';
import { buildService } from './service.js';

const settings = {
  databaseUrl: process.env.DATABASE_URL,
  poolSize: Number(process.env.POOL_SIZE ?? 10),
  port: Number(process.env.PORT),
  workers: Number(process.env.WORKERS ?? 2),
  tokenSecret: process.env.TOKEN_SECRET,
  tokenIssuer: process.env.TOKEN_ISSUER,
  tokenAudience: process.env.TOKEN_AUDIENCE,
  sealingKey: Buffer.from(process.env.SEALING_KEY, 'hex'),
};

if (cluster.isPrimary) {
  for (let number = 0; number < settings.workers; number += 1) cluster.fork();
  let stopping = false;
  process.on('SIGTERM', () => {
    stopping = true;
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGTERM');
  });
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return;
    // The bench must not measure a service of half its workers.
    console.error(`worker ${worker.process.pid} ended early: ${signal ?? code}`);
    process.exit(1);
  });
} else {
  const service = await buildService(settings);
  process.on('SIGTERM', async () => {
    await service.close();
    process.exit(0);
  });
  await service.listen({ host: '127.0.0.1', port: settings.port });
}
