import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "./redis.ts";

test("a throwaway Redis keeps jobs and forgets them with the process", async () => {
  await using server = await startRedis();
  const client = new Redis(server.url, { maxRetriesPerRequest: 1 });
  try {
    await client.set("bell", "rung");
    expect(await client.get("bell")).toBe("rung");
    expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  } finally {
    client.disconnect();
  }
});
