/** What can be made to go wrong at the stand-in. */
export const faultNames = {
  "lost-response": "the request is carried out, then the connection is dropped without an answer",
  "server-error": "503 before the request is carried out",
  "error-after-apply": "500 after the request was carried out",
  slow: "the answer comes late, after `ms`; the request itself is carried out at once",
  "two-factor": "403 two_factor, as for an account whose second factor is asked for",
  "rate-limited": "429 rate_limit, as if another client of the account had used up the pool",
  "release-phase-fails": "the release command runs and then exits with 1",
} as const;

export type FaultName = keyof typeof faultNames;

/** When a fault strikes. Without `times` it strikes until cleared. */
export interface FaultRule {
  readonly times?: number;
  readonly method?: string;
  /** Part of the request's path, for instance `/config-vars`. */
  readonly path?: string;
  /** For `slow`. */
  readonly ms?: number;
}

/** The faults that are set, each counted down as it strikes. */
export interface Faults {
  set(name: FaultName, rule: FaultRule | undefined): void;
  /** The rule when this fault strikes now, else undefined; counts one time. */
  strikes(name: FaultName, method?: string, path?: string): FaultRule | undefined;
}

export function openFaults(): Faults {
  const rules = new Map<FaultName, { rule: FaultRule; left: number }>();
  return {
    set: (name, rule) => {
      if (rule === undefined) rules.delete(name);
      else rules.set(name, { rule, left: rule.times ?? Infinity });
    },
    strikes: (name, method, path) => {
      const found = rules.get(name);
      if (found === undefined || found.left <= 0) return undefined;
      if (found.rule.method !== undefined && found.rule.method !== method) return undefined;
      if (found.rule.path !== undefined && path?.includes(found.rule.path) !== true) return undefined;
      found.left -= 1;
      return found.rule;
    },
  };
}
