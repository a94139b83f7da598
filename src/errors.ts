import { inspect } from "node:util";
import { redact } from "./redact.ts";

/**
 * What happens next after an error.
 * `terminal`: a person must change something. `retryable`: again after a while.
 * `paused`: waits for a person, then goes on. `aborted`: we were told to stop, not a failure.
 */
export type Outcome = "terminal" | "retryable" | "paused" | "aborted";

/** What a code stands for: what happens next, what it means, and what a person can type or change. */
export interface CodeFacts {
  readonly outcome: Outcome;
  readonly meaning: string;
  readonly remedy: string;
}

/** Every fault that Drawbridge names. RUNBOOK.md is generated from this table (`drawbridge runbook`). */
export const codes = {
  DB_ABORTED: {
    outcome: "aborted",
    meaning: "The work was told to stop: by `/migrate abort` or `/migrate hold`, or because the process shuts down.",
    remedy: "Nothing to repair. `/migrate resume` after a hold; a restarted worker goes on by itself.",
  },
  DB_WAIT_TIMEOUT: {
    outcome: "retryable",
    meaning: "Something that was awaited did not come before its deadline.",
    remedy: "Drawbridge tries again by itself. If it repeats, look at what the message names.",
  },
  DB_UNEXPECTED: {
    outcome: "retryable",
    meaning: "An error that Drawbridge has no name for, from a library or a server.",
    remedy: "Drawbridge tries again with growing pauses. The cause stands in the thread and in the log.",
  },
  DB_CONFIG: {
    outcome: "terminal",
    meaning: "The configuration file or the environment breaks a rule.",
    remedy: "Correct every key that the message lists; values are never shown.",
  },
  DB_BAD_INPUT: {
    outcome: "terminal",
    meaning: "An argument or a file has a form that is not allowed.",
    remedy: "Correct what the message names.",
  },
  DB_LEASE_LOST: {
    outcome: "retryable",
    meaning: "Another worker runs this migration, or the journal's connection that held the lease was lost.",
    remedy: "Nothing to do: exactly one worker goes on.",
  },
  DB_CONNECTION: {
    outcome: "retryable",
    meaning: "A database, Redis or an API could not be reached, or the connection broke.",
    remedy: "Check that the named host is up and reachable from this machine.",
  },
  DB_PREFLIGHT_BLOCKED: {
    outcome: "paused",
    meaning: "Preflight found something that would break the migration.",
    remedy: "Mend each blocker as its fix says, then `/migrate check`.",
  },
  DB_ARCHIVE_INVALID: {
    outcome: "terminal",
    meaning: "The archive lacks something, or an object in it is damaged or belongs to another cluster.",
    remedy: "Choose another base backup or ask Heroku for a new one; the message names the object.",
  },
  DB_ARCHIVE_ACCESS: {
    outcome: "paused",
    meaning: "The archive refused our credentials.",
    remedy: "Renew the archive's keys where the configuration says they are, then `/migrate resume`.",
  },
  DB_RESTORE_AGAIN: {
    outcome: "terminal",
    meaning: "The bridge can no longer follow the source (new timeline, other cluster, or promoted and put back).",
    remedy: "`/migrate retry` restores the bridge again from the archive.",
  },
  DB_COLLATION: {
    outcome: "paused",
    meaning:
      "The bridge's glibc or ICU sorts text by another version than the one with which the source built its indexes: those may miss rows and let duplicates in.",
    remedy:
      "Best: set `aws.bridge.imageId` to an image with the source's versions, abort and start again. Else set `policy.acceptCollationChange: true`, and `reindex database concurrently` on the bridge right after window 1. Then `/migrate resume`, or `/migrate window`.",
  },
  DB_BRIDGE: {
    outcome: "retryable",
    meaning: "The agent on the bridge reports a failure, or reports nothing.",
    remedy: "Look at the agent's log on the bridge; it is started again by its service.",
  },
  DB_FENCE_LOST: {
    outcome: "retryable",
    meaning: "The session that held the write fence was lost.",
    remedy: "Drawbridge fences again with a new marker within the window's deadline, or puts the window back.",
  },
  DB_FENCE_REFUSED: {
    outcome: "terminal",
    meaning: "The write fence cannot be set, or could not be lifted again in the test before it.",
    remedy: "Check the owner's rights on the database; the message names the statement.",
  },
  DB_MARKER_MISSING: {
    outcome: "terminal",
    meaning: "The marker that was written after the fence did not arrive in time.",
    remedy: "The window was put back. Check lag with `/migrate lag`, then `/migrate window` again.",
  },
  DB_WINDOW_DEADLINE: {
    outcome: "terminal",
    meaning: "The window's deadline passed before the point of no return.",
    remedy: "The window was put back and writes are open. `/migrate window` asks for approvals again.",
  },
  DB_GATE_CLOSED: {
    outcome: "paused",
    meaning: "A step needs two approvals that are not there, or no longer stand.",
    remedy: "`/migrate status` says who is still needed; `/migrate window` opens the gates again.",
  },
  DB_VETOED: {
    outcome: "terminal",
    meaning: "An approver vetoed or withdrew before the point of no return.",
    remedy: "The window was put back. Talk to the person who stopped it, then `/migrate window` again.",
  },
  DB_VERIFY_DIFFERENCE: {
    outcome: "terminal",
    meaning: "The two databases do not hold the same rows.",
    remedy:
      "The window was put back; the tables are named in the thread. Find out who wrote to the target, and keep them from it: the copy is removed and made anew without being asked.",
  },
  DB_SEQUENCE_MOVES: {
    outcome: "terminal",
    meaning: "A sequence goes on behind the fence although no row can be written: an id could be given out twice.",
    remedy:
      "The window was put back. End what calls `nextval` on the sequences that the message names; then `/migrate window` again.",
  },
  DB_REPLICATION_BROKEN: {
    outcome: "paused",
    meaning:
      "A subscription fails again and again at the same place: a conflict, or a table or column that is missing.",
    remedy: "The subscriber's log names the table and the row. Mend it there, then `/migrate resume`.",
  },
  DB_SCHEMA_DRIFT: {
    outcome: "paused",
    meaning:
      "Tables, columns, indexes or constraints were made on the bridge after its schema was carried to the target.",
    remedy:
      "Make the same on the target (the thread names them) or undo it on the bridge; then `/migrate resume`, or `/migrate window` again.",
  },
  DB_HEROKU: {
    outcome: "retryable",
    meaning: "Heroku refused a request or failed to answer it.",
    remedy: "The message carries Heroku's own words and the request id for support.",
  },
  DB_RELEASE_FAILED: {
    outcome: "retryable",
    meaning: "The app's release phase failed with the new DATABASE_URL.",
    remedy: "After the point of no return Drawbridge makes the release again; fix the release command meanwhile.",
  },
  DB_AWS: {
    outcome: "retryable",
    meaning: "AWS refused a request or a resource went into a failed state.",
    remedy: "The message carries AWS's own error code.",
  },
  DB_JOURNAL_CONFLICT: {
    outcome: "terminal",
    meaning:
      "The journal holds something that cannot be: another step's name, a second lease, an unknown schema version.",
    remedy: "Run one version of Drawbridge at a time; `drawbridge journal init` brings the schema up to date.",
  },
} as const satisfies Record<string, CodeFacts>;

/** The name of a fault. */
export type Code = keyof typeof codes;

/** Options of a {@link DrawbridgeError}. */
export interface FaultOptions {
  readonly cause?: unknown;
  /** For retryable faults: how long to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Overrides the code's own outcome where the place knows better. */
  readonly outcome?: Outcome;
}

/** The only error class that Drawbridge throws. The message is redacted when made. */
export class DrawbridgeError extends Error {
  override readonly name = "DrawbridgeError";
  readonly code: Code;
  readonly outcome: Outcome;
  readonly retryAfterMs: number | undefined;
  constructor(code: Code, message: string, options: FaultOptions = {}) {
    super(redact(message), options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.outcome = options.outcome ?? codes[code].outcome;
    this.retryAfterMs = options.retryAfterMs;
  }
  /** What a person can do about it. */
  get remedy(): string {
    return codes[this.code].remedy;
  }
}

/** Any thrown value as one of ours; ours pass through, aborts become `DB_ABORTED`, the rest `DB_UNEXPECTED`. */
export function asDrawbridgeError(thrown: unknown): DrawbridgeError {
  if (thrown instanceof DrawbridgeError) return thrown;
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return new DrawbridgeError("DB_ABORTED", thrown.message, { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DrawbridgeError("DB_UNEXPECTED", message, { cause: thrown });
}

/** The error and its causes as one redacted text, innermost last, for the thread and the log. */
export function explain(thrown: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = thrown; at !== undefined && at !== null && lines.length < 6;) {
    lines.push(at instanceof Error ? at.message : typeof at === "string" ? at : inspect(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return redact([...new Set(lines)].join("\n  because: "));
}
