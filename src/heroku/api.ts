import type { z } from "zod";
import { systemClock, waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Call, Outcome, Transport } from "./transport.ts";

/** A change at Heroku and how to see that it is there. */
export interface Mutation<T> {
  readonly call: Call;
  /** Reads Heroku: the result when the change is visible, else undefined. */
  readonly observe: () => Promise<T | undefined>;
  /**
   * Whether the same request may be sent again when its outcome is unknown and the change is not seen:
   * true for state-setting PATCHes and for what Heroku itself refuses the second time.
   */
  readonly repeatable: boolean;
}

/** Reads and changes, on top of a transport that sends once. */
export interface Api {
  /** @throws DrawbridgeError `DB_HEROKU` when refused, or unanswered three times, or of an unknown shape. */
  read<T>(schema: z.ZodType<T>, path: string, range?: string): Promise<T>;
  /**
   * Makes a change and returns what is then seen. A lost answer is no failure: Heroku is read first.
   * @throws DrawbridgeError `DB_HEROKU` when refused, or when the change is not seen in the end.
   */
  change<T>(mutation: Mutation<T>): Promise<T>;
  /** Sends once, for a change that cannot be recognised afterwards. @throws DrawbridgeError `DB_HEROKU` */
  once<T>(schema: z.ZodType<T>, call: Call): Promise<T>;
}

const attempts = 3;
/** How long a change may stay invisible: after an acknowledgement, and after a lost answer. */
const visibleWithinMs = { answered: 10_000, unknown: 1_500 };

export function openApi(transport: Transport): Api {
  const read: Api["read"] = async (schema, path, range) => {
    const call: Call = { method: "GET", path, ...(range === undefined ? {} : { range }) };
    let outcome = await transport.send(call);
    for (let tries = 1; outcome.kind === "unknown" && tries < attempts; tries++) {
      await systemClock.sleep(300 * tries);
      outcome = await transport.send(call);
    }
    return parse(schema, call, outcome);
  };
  const once: Api["once"] = async (schema, call) => parse(schema, call, await transport.send(call));
  return { read, once, change: (mutation) => change(transport, mutation) };
}

async function change<T>(transport: Transport, mutation: Mutation<T>): Promise<T> {
  const { call, observe, repeatable } = mutation;
  let last: DrawbridgeError | undefined;
  for (let tries = 0; tries < (repeatable ? attempts : 1); tries++) {
    const outcome = await transport.send(call);
    if (outcome.kind === "refused") {
      // An earlier send of ours, whose answer was lost, may be the very reason for this refusal.
      const seen = last === undefined ? undefined : await observe();
      if (seen !== undefined) return seen;
      throw outcome.error;
    }
    const seen = await look(observe, visibleWithinMs[outcome.kind]);
    if (seen !== undefined) return seen;
    last =
      outcome.kind === "unknown"
        ? outcome.error
        : new DrawbridgeError("DB_HEROKU", `Heroku acknowledged ${call.method} ${call.path} but does not show it`);
  }
  throw new DrawbridgeError("DB_HEROKU", `Heroku: the outcome of ${call.method} ${call.path} is unknown`, {
    cause: last,
    retryAfterMs: 2_000,
  });
}

async function look<T>(observe: () => Promise<T | undefined>, deadlineMs: number): Promise<T | undefined> {
  try {
    // Wrapped, so that a change whose visible result is `false` is not taken for "not yet".
    const probe = async (): Promise<{ value: T } | undefined> => {
      const value = await observe();
      return value === undefined ? undefined : { value };
    };
    const seen = await waitFor(probe, { deadlineMs, everyMs: 250, what: "the change to be visible at Heroku" });
    return seen.value;
  } catch (thrown) {
    if (thrown instanceof DrawbridgeError && thrown.code === "DB_WAIT_TIMEOUT") return undefined;
    throw thrown;
  }
}

function parse<T>(schema: z.ZodType<T>, call: Call, outcome: Outcome): T {
  if (outcome.kind !== "answered") throw outcome.error;
  const read = schema.safeParse(outcome.body);
  if (read.success) return read.data;
  // Only paths and rules: an answer may carry config vars.
  const where = read.error.issues.map((issue) => `${issue.path.join(".")} (${issue.code})`).join(", ");
  throw new DrawbridgeError("DB_HEROKU", `Heroku answered ${call.method} ${call.path} in an unknown shape: ${where}`);
}
