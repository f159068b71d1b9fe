// One row for each read, written in batches.

const EVERY_MS = 100;
const BATCH = 2_000;
// Beyond so many waiting rows something is wrong with the database: rows are then lost, and counted.
const LIMIT = 200_000;

export class AuditLog {
  #pool;
  #waiting = [];
  #writing = Promise.resolve();
  #timer;
  lost = 0;

  constructor(pool) {
    this.#pool = pool;
    this.#timer = setInterval(() => this.#write(), EVERY_MS);
  }

  add(tenant, requestId, caller, action, users) {
    if (this.#waiting.length >= LIMIT) {
      this.lost += 1;
      return;
    }
    this.#waiting.push([new Date(), tenant, requestId, caller, action, users]);
    if (this.#waiting.length === BATCH) this.#write();
  }

  async close() {
    clearInterval(this.#timer);
    await this.#write();
  }

  #write() {
    this.#writing = this.#writing.then(() => this.#writeWaiting());
    return this.#writing;
  }

  async #writeWaiting() {
    while (this.#waiting.length > 0) {
      const rows = this.#waiting.splice(0, BATCH);
      const column = (at) => rows.map((row) => row[at]);
      try {
        await this.#pool.query({
          name: 'audit',
          text: `INSERT INTO audit (at, tenant_id, request_id, caller, action, users)
                 SELECT * FROM unnest($1::timestamptz[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[])`,
          values: [0, 1, 2, 3, 4, 5].map(column),
        });
      } catch (error) {
        this.lost += rows.length;
        console.error(`audit rows lost: ${this.lost} (${error.message})`);
      }
    }
  }
}
