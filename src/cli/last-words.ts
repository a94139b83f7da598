import { explain } from "../errors.ts";
import { redact, Secret } from "../redact.ts";

/** Variables whose values are credentials, ours and those that libraries read for themselves. */
const secretNames = /(?:TOKEN|SECRET|PASSWORD|KEY|_URL)(?:_ID)?$/;

/**
 * Makes the credentials of this process known to {@link redact}, also those that only libraries read (AWS keys), and has what
 * nobody caught printed by us: Node itself would print the error with everything that a library put into it.
 */
export function guardLastWords(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && secretNames.test(name) && !name.endsWith("_FILE")) new Secret(value);
  }
  process.on("uncaughtException", (thrown: unknown) => {
    process.stderr.write(`\nDB_UNEXPECTED: ${lastWords(thrown)}\n`, () => process.exit(1));
  });
}

/** What is printed of an error that nobody caught: its causes and where it came from, never its other members. */
function lastWords(thrown: unknown): string {
  const frames = thrown instanceof Error ? (thrown.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  return redact([explain(thrown), ...frames].join("\n"));
}
