import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { configSchema } from "../../src/config/schema.ts";

const file = join(resolve(import.meta.dirname, "../.."), "drawbridge.example.yaml");
const text = readFileSync(file, "utf8");

describe("drawbridge.example.yaml", () => {
  test("is a configuration that the program accepts", () => {
    expect(loadConfig(file).migration).toBe("shop-production");
  });

  test("shows every setting there is, set or commented out", () => {
    const missing = settingsOf(z.toJSONSchema(configSchema, { io: "input" })).filter(
      (name) => !new RegExp(`^[ #-]*${name}:`, "m").test(text),
    );
    expect(missing).toEqual([]);
  });

  test("says `default` only where that is the default", () => {
    const lines = text.split("\n").map((line) => (line.startsWith("policy:") ? "policy:" : line));
    const inPolicy = lines.indexOf("policy:");
    const without = lines.filter((line, at) => at < inPolicy && !/^ +\w+: .*# default\b/.test(line)).join("\n");
    expect(parseConfig(withoutEmpty(parse(without)), "the defaults")).toEqual(loadConfig(file));
  });
});

/** A section with nothing but comments in it is left out. */
function withoutEmpty(content: unknown): unknown {
  const sections = Object.entries(z.record(z.string(), z.unknown()).parse(content));
  return Object.fromEntries(sections.filter(([, section]) => section !== null));
}

/** The names of all settings in a JSON schema, nested ones included. */
function settingsOf(schema: z.core.JSONSchema.BaseSchema): string[] {
  const here = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => [name, ...innerSettings(inner)]);
  const items = Array.isArray(schema.items) ? schema.items : [schema.items ?? true];
  return [...here, ...[...items, ...(schema.allOf ?? []), ...(schema.anyOf ?? [])].flatMap(innerSettings)];
}

function innerSettings(schema: z.core.JSONSchema.BaseSchema | boolean): string[] {
  return typeof schema === "boolean" ? [] : settingsOf(schema);
}
