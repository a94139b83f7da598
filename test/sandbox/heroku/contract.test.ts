import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startWorld, token } from "./world.ts";

interface Schema {
  readonly type?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly strictProperties?: boolean;
}

const file = new URL("./fixtures/heroku-schema.json", import.meta.url);
const { resources }: { resources: Record<string, Schema> } = JSON.parse(readFileSync(file, "utf8"));

const typeOf = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
};
const formats: Readonly<Record<string, RegExp>> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  uri: /^https?:\/\//,
  email: /@/,
};

/** Where `value` breaks Heroku's schema. Heroku's `strictProperties` means: all of them, and no others. */
function breaches(schema: Schema, value: unknown, at: string): string[] {
  const type = typeOf(value);
  if (schema.type !== undefined && !schema.type.includes(type))
    return [`${at} is ${type}, not ${schema.type.join("|")}`];
  const found: string[] = [];
  if (typeof value === "string") {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
      found.push(`${at}: ${value} breaks its pattern`);
    if (schema.format !== undefined && formats[schema.format]?.test(value) !== true)
      found.push(`${at}: ${value} is no ${schema.format}`);
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) found.push(`${at}: ${String(value)} is not allowed`);
  if (Array.isArray(value)) {
    for (const [n, item] of value.entries()) found.push(...breaches(schema.items ?? {}, item, `${at}[${n}]`));
  } else if (typeof value === "object" && value !== null)
    found.push(...objectBreaches(schema, Object.entries(value), at));
  return found;
}

function objectBreaches(schema: Schema, entries: ReadonlyArray<[string, unknown]>, at: string): string[] {
  const { properties = {}, patternProperties = {}, strictProperties = false } = schema;
  const names = new Set(entries.map(([name]) => name));
  const needed = strictProperties ? Object.keys(properties) : (schema.required ?? []);
  const found = needed.filter((name) => !names.has(name)).map((name) => `${at}.${name} is missing`);
  for (const [name, value] of entries) {
    const byPattern = Object.entries(patternProperties).find(([pattern]) => new RegExp(pattern).test(name))?.[1];
    const rule = properties[name] ?? byPattern;
    if (rule !== undefined) found.push(...breaches(rule, value, `${at}.${name}`));
    else if (strictProperties || schema.additionalProperties === false)
      found.push(`${at}.${name} is not in the schema`);
  }
  return found;
}

const headers = { Accept: "application/vnd.heroku+json; version=3", Authorization: `Bearer ${token}` };

test("answers have the shape of Heroku's own schema", async () => {
  await using world = await startWorld();
  await world.heroku.runOneOff("shop", "sleep 60", new Map());
  const paths: ReadonlyArray<readonly [string, string]> = [
    ["account", "/account"],
    ["rate-limit", "/account/rate-limits"],
    ["app", "/apps/shop"],
    ["app-feature", "/apps/shop/features/preboot"],
    ["formation", "/apps/shop/formation"],
    ["dyno", "/apps/shop/dynos"],
    ["config-vars", "/apps/shop/config-vars"],
    ["release", "/apps/shop/releases"],
    ["release", "/apps/shop/releases/1"],
    ["add-on", "/apps/shop/addons"],
    ["add-on", "/addons/postgresql-curved-1"],
    ["add-on-config", "/addons/postgresql-curved-1/config"],
    ["add-on-attachment", "/apps/shop/addon-attachments"],
    ["add-on-attachment", "/addons/postgresql-curved-1/addon-attachments"],
  ];
  for (const [resource, path] of paths) {
    const answer: unknown = await (await fetch(world.stand.url + path, { headers })).json();
    const rows: unknown[] = Array.isArray(answer) ? answer : [answer];
    expect(rows.length, path).toBeGreaterThan(0);
    for (const row of rows) expect(breaches(resources[resource] ?? { enum: [] }, row, path)).toEqual([]);
  }
});

test("transport rules: version, token, bodies, unknown paths, paging, headers", async () => {
  await using world = await startWorld();
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(world.stand.url + path, { headers, ...init });
    return { status: response.status, headers: response.headers, body: JSON.stringify(await response.json()) };
  };
  expect(await call("/apps/shop", { headers: { Authorization: headers.Authorization } })).toMatchObject({
    status: 406,
  });
  expect(await call("/apps/shop", { headers: { Accept: headers.Accept } })).toMatchObject({ status: 401 });
  expect(await call("/teapot")).toMatchObject({ status: 404, body: expect.stringContaining("not_found") });
  const patch = (path: string, body: string) => call(path, { method: "PATCH", body });
  expect(await patch("/apps/shop", "{")).toMatchObject({ status: 400 });
  expect(await patch("/apps/shop", '{"maintenance":"yes"}')).toMatchObject({ status: 422 });
  expect(await patch("/apps/shop/config-vars", '{"a b":"1"}')).toMatchObject({ status: 422 });
  expect(await patch("/apps/shop/formation", '{"updates":[{"type":"web","quantity":-1}]}')).toMatchObject({
    status: 422,
  });
  const paged = await call("/apps", { headers: { ...headers, Range: "name ..; max=1" } });
  expect(paged).toMatchObject({ status: 206, body: expect.stringContaining('"reports"') });
  const rest = await call("/apps", { headers: { ...headers, Range: paged.headers.get("next-range") ?? "" } });
  expect(rest).toMatchObject({ status: 200, body: expect.stringContaining('"shop"') });
  expect(rest.headers.get("request-id")).toMatch(/^[0-9a-f-]{36}$/);
  const before = Number(rest.headers.get("ratelimit-remaining"));
  expect((await call("/account")).headers.get("ratelimit-remaining")).toBe(String(before - 1));
  const database = await call("/client/v11/databases/postgresql-curved-1", {
    headers: { Authorization: headers.Authorization },
  });
  expect(database).toMatchObject({ status: 200, body: expect.stringContaining('"postgres_version":"15.18"') });
});

test("the pool runs dry and says so", async () => {
  await using world = await startWorld({ pool: { size: 2, perMinute: 0 } });
  await world.heroku.account();
  await world.heroku.account();
  await expect(world.heroku.account()).rejects.toThrow("429 rate_limit");
  expect(await world.heroku.rateLimit()).toBe(0);
});
