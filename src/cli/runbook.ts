import { codes } from "../errors.ts";

const next = {
  terminal: "stops until a person changes something",
  retryable: "tries again by itself",
  paused: "waits for a person, then goes on",
  aborted: "was told to stop; not a failure",
} as const;

/** RUNBOOK.md's part that is made from the error codes. */
export function runbookText(): string {
  const entries = Object.entries(codes).map(
    ([code, { outcome, meaning, remedy }]) =>
      `### ${code}\n\n${meaning}\n\n*What Drawbridge does:* ${next[outcome]}.\n\n*What you do:* ${remedy}\n`,
  );
  return entries.join("\n");
}

/** `drawbridge runbook`. */
export function printRunbook(): void {
  process.stdout.write(runbookText());
}
