import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { secretNames } from "../../src/config/secrets.ts";

const root = resolve(import.meta.dirname, "../..");

const service = z.object({
  image: z.string(),
  restart: z.string(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }),
  networks: z.array(z.string()),
  user: z.string().optional(),
});
const compose = z
  .object({
    services: z.record(z.string(), service),
    secrets: z.record(z.string(), z.object({ file: z.string() })),
    volumes: z.record(z.string(), z.unknown()),
    networks: z.record(z.string(), z.unknown()),
  })
  .parse(parse(readFileSync(resolve(root, "docker/compose.yaml"), "utf8"), { merge: true }));

const { bot, worker, redis, journal } = compose.services;
const named = (environment: Readonly<Record<string, string>> = {}): string[] =>
  Object.keys(environment)
    .filter((name) => name.endsWith("_FILE") && name !== "AWS_SHARED_CREDENTIALS_FILE")
    .map((name) => name.slice(0, -"_FILE".length));

describe("the compose file", () => {
  it("gives each role the secrets that it reads, and no other", () => {
    expect(named(bot?.environment).toSorted()).toEqual([...secretNames.bot].toSorted());
    expect(named(worker?.environment).toSorted()).toEqual([...secretNames.worker].toSorted());
  });

  it("mounts every secret that a variable names, declares every one that is mounted, and none for nothing", () => {
    const used = new Set<string>();
    for (const [name, { environment, secrets }] of Object.entries(compose.services)) {
      for (const secret of secrets) used.add(secret);
      for (const value of Object.values(environment)) {
        const file = /^\/run\/secrets\/(\w+)$/.exec(value)?.[1];
        if (file !== undefined) expect(secrets, `${name} mounts ${file}`).toContain(file);
      }
    }
    expect([...used].toSorted()).toEqual(Object.keys(compose.secrets).toSorted());
  });

  it("has no secret in a value", () => {
    const values = Object.entries(compose.services).flatMap(([name, { environment }]) =>
      Object.entries(environment).map(([key, value]) => ({ at: `${name}.${key}`, value })),
    );
    const secret = values.filter(({ at }) => /PASSWORD|TOKEN|KEY|URL|SECRET|CREDENTIALS/.test(at));
    expect(secret.length).toBeGreaterThan(10);
    expect(secret.filter(({ value }) => !value.startsWith("/run/secrets/"))).toEqual([]);
  });

  it("keeps Redis's rings and its data", () => {
    const command = redis?.command.join(" ") ?? "";
    expect(command).toMatch(/--appendonly yes/);
    expect(command).toMatch(/--maxmemory-policy noeviction/);
    expect(Object.keys(compose.volumes).toSorted()).toEqual(["journal", "redis"]);
    expect(journal?.image).toMatch(/^postgres:17/);
  });

  it("restarts and watches whatever is to stay up", () => {
    for (const [name, { restart, healthcheck }] of Object.entries(compose.services)) {
      if (name === "journal-init") continue;
      expect(restart, name).toBe("unless-stopped");
      expect(healthcheck.test?.length, name).toBeGreaterThan(1);
    }
  });

  it("names networks that are there", () => {
    const there = Object.keys(compose.networks);
    for (const { networks } of Object.values(compose.services)) expect(there).toEqual(expect.arrayContaining(networks));
  });
});

describe("the secrets script", () => {
  it("makes or names each secret of the compose file", () => {
    const script = readFileSync(resolve(root, "docker/make-secrets.sh"), "utf8");
    for (const name of Object.keys(compose.secrets)) expect(script, name).toContain(name);
  });
});
