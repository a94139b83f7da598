import { describe, expect, test } from "vitest";
import { readInstanceAddress, readUserData } from "../../src/aws/instance-metadata.ts";
import { startImds, type ImdsOptions } from "../../src/sandbox/aws/imds.ts";

async function metadataOf(publicIpv4?: string) {
  const options: ImdsOptions = {
    instanceId: "i-0123456789abcdef0",
    userData: '{"drawbridge":{}}',
    localIpv4: "10.0.0.7",
    ...(publicIpv4 === undefined ? {} : { publicIpv4 }),
    role: undefined,
    allowPrefixes: [],
    ring: new Map(),
    keyLifetimeMs: 60_000,
  };
  const imds = await startImds(options);
  return { url: imds.url, [Symbol.asyncDispose]: () => imds.stop() };
}

describe("an instance learns from its metadata service", () => {
  test("its user-data as it was written", async () => {
    await using metadata = await metadataOf();
    expect(await readUserData(metadata.url)).toBe('{"drawbridge":{}}');
  });

  test("its public address, where it has one", async () => {
    await using metadata = await metadataOf("203.0.113.9");
    expect(await readInstanceAddress(metadata.url)).toBe("203.0.113.9");
  });

  test("its private address otherwise", async () => {
    await using metadata = await metadataOf();
    expect(await readInstanceAddress(metadata.url)).toBe("10.0.0.7");
  });

  test("nothing from a service that has gone, and it says so", async () => {
    const { url } = await (async () => {
      await using metadata = await metadataOf();
      return metadata;
    })();
    await expect(readInstanceAddress(url)).rejects.toMatchObject({ code: "DB_CONNECTION" });
  });
});
