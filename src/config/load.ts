import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { DrawbridgeError } from "../errors.ts";
import { type Config, configSchema } from "./schema.ts";

/** One broken rule of the configuration. Never holds the value. */
export interface Mistake {
  /** Dotted path: `approvals.approvers.1.slack.0`, or the name of an environment variable. */
  readonly path: string;
  readonly rule: string;
}

/**
 * Reads and checks the configuration file.
 * @throws DrawbridgeError `DB_CONFIG` that lists every mistake at once, each with its path and rule.
 */
export function loadConfig(file: string): Config {
  return parseConfig(readConfigFile(file), file);
}

function readConfigFile(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, "utf8")) as unknown;
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const message = missing ? `${file}: there is no such file` : `${file}: this is not YAML`;
    // The parser's own message quotes the line, which might hold a pasted secret; its position is enough.
    const position = /at line (\d+), column (\d+)/.exec(cause instanceof Error ? cause.message : "");
    throw new DrawbridgeError(
      "DB_CONFIG",
      position ? `${message} (line ${position[1]}, column ${position[2]})` : message,
    );
  }
}

/** Checks an already read configuration. @throws DrawbridgeError `DB_CONFIG`. */
export function parseConfig(content: unknown, file: string): Config {
  const result = configSchema.safeParse(content, { reportInput: true });
  if (result.success) return result.data;
  throw mistakesError(file, result.error.issues.flatMap(asMistakes));
}

/** The error that lists mistakes, most useful when all are in it. */
export function mistakesError(place: string, mistakes: readonly Mistake[]): DrawbridgeError {
  const lines = mistakes.map(({ path, rule }) => `  ${path}: ${rule}`);
  const count = mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`;
  return new DrawbridgeError("DB_CONFIG", `${place} has ${count}:\n${lines.join("\n")}`);
}

function asMistakes(issue: z.core.$ZodIssue): Mistake[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key].join("."), rule: "no such setting" }));
  }
  if (issue.code === "invalid_type" && issue.input === undefined) {
    return [{ path: path.join(".") || "(top level)", rule: `missing; expected ${issue.expected}` }];
  }
  return [{ path: path.join(".") || "(top level)", rule: issue.message }];
}

/** SHA-256 over the checked configuration, part of what approvers vote on. */
export function configDigest(config: Config): string {
  return createHash("sha256")
    .update(JSON.stringify(sortKeys(config)))
    .digest("hex");
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
