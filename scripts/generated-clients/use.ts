// Uses the types that openapi-typescript wrote, through openapi-fetch: lists, pages by cursor, looks up and exports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import createClient from "openapi-fetch";

import type { paths } from "./schema.js";

interface Tenant {
  name: string;
  headers: Record<"Authorization" | "X-SourceSystem" | "X-ClientCode" | "X-PaperCode" | "X-ClientGroupCode", string>;
  sample: { customerRegistrationId: string; email: string };
}
interface Dev {
  url: string;
  tenants: Tenant[];
  workspaces: { id: string; key: string; sample: { customerRegistrationId: string } }[];
}

const dev = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Dev;
const client = createClient<paths>({ baseUrl: dev.url });

function tenant(name: string) {
  const { headers: all, sample } = dev.tenants.find((tenant) => tenant.name === name)!;
  const { Authorization, ...header } = all;
  return { header, headers: { Authorization }, sample };
}

const { header, headers, sample } = tenant("northwind/daily/herald");
const customerRegistrationId = sample.customerRegistrationId;
const idsOf = (users: { customerRegistrationId?: string }[]) => users.map((user) => user.customerRegistrationId);

// A list, and all of it by cursors.
const whole = await client.GET("/v4/Users", { headers, params: { header, query: { pageSize: 1000 } } });
assert(whole.data, JSON.stringify(whole.error));
assert.equal(whole.data.message.type, "Success");
const ids: (string | undefined)[] = [];
let cursor: string | undefined;
do {
  const query = cursor === undefined ? { pageSize: 7 } : { pageSize: 7, cursor };
  const page = await client.GET("/v4/Users", { headers, params: { header, query } });
  assert(page.data, JSON.stringify(page.error));
  ids.push(...idsOf(page.data.data));
  cursor = page.data.meta.nextCursor;
} while (cursor !== undefined);
assert.deepEqual(ids, idsOf(whole.data.data));
assert.equal(whole.data.meta.totalRecords, ids.length);

// Look-ups: by id, by address in a URL and in a body, and one user as a list.
const byId = "/v4/Users/{customerRegistrationId}";
const one = await client.GET(byId, { headers, params: { header, path: { customerRegistrationId } } });
assert(one.data && !Array.isArray(one.data.data));
assert.equal(one.data.data.email, sample.email);
const found = await client.GET("/v4/Users", { headers, params: { header, query: { email: sample.email } } });
assert.deepEqual(idsOf(found.data!.data), [customerRegistrationId]);
const searched = await client.POST("/v4/Users/Search", { headers, params: { header }, body: { email: sample.email } });
assert.deepEqual(idsOf(searched.data!.data), [customerRegistrationId]);
const listed = await client.GET(byId, {
  headers,
  params: { header, path: { customerRegistrationId }, query: { pageSize: 5 } },
});
assert(listed.data && Array.isArray(listed.data.data));
assert.deepEqual(idsOf(listed.data.data), [customerRegistrationId]);
const missing = await client.GET(byId, { headers, params: { header, path: { customerRegistrationId: "nobody" } } });
assert.equal(missing.response.status, 404);
assert.equal(missing.error?.message.type, "Error");
const legacy = await client.GET("/User/{customerRegistrationId}/{type}", {
  headers,
  params: { header, path: { customerRegistrationId, type: "0" } },
});
assert.equal(legacy.data?.Result?.TotalUsersFound, 1);

// An export.
const workspace = dev.workspaces[0]!;
const exported = await client.POST("/v1/customers/export", {
  headers: { Authorization: `Basic ${Buffer.from(`${workspace.id}:${workspace.key}`).toString("base64")}` },
  params: { query: { app_id: workspace.id } },
  body: {
    identifiers: [
      { identifier_type: "customer_id", identifier: workspace.sample.customerRegistrationId },
      { identifier_type: "customer_id", identifier: "nobody-at-all" },
    ],
  },
});
assert(exported.data, JSON.stringify(exported.error));
assert.deepEqual(
  exported.data.data.users.map((user) => user.user_attributes.customer_id),
  [workspace.sample.customerRegistrationId],
);
assert.deepEqual(
  exported.data.data.users_not_found.map((one) => one.identifier),
  ["nobody-at-all"],
);

console.log(`TypeScript: listed ${ids.length} users by cursor, looked up, exported`);
