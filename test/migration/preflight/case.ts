import type { PreflightFacts } from "../../../src/migration/preflight/facts.ts";
import type { Severity } from "../../../src/migration/preflight/finding.ts";

/** A world that fails a check: the check's number in the list of checks, what has to be found, and words of it. */
export interface Case {
  readonly number: number | undefined;
  readonly what: string;
  readonly world: PreflightFacts;
  readonly check: string;
  readonly severity: Severity;
  readonly says: RegExp;
}

/** A {@link Case} on few lines. */
export function failing(
  number: number | undefined,
  what: string,
  world: PreflightFacts,
  found: readonly [check: string, severity: Severity, says: RegExp],
): Case {
  const [check, severity, says] = found;
  return { number, what, world, check, severity, says };
}
