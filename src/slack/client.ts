import { LogLevel, type WebAPICallResult, WebAPIRateLimitedError, WebClient } from "@slack/web-api";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import type { BotSettings } from "./settings.ts";

/** The longest that one call may take. */
const callTimeoutMs = 5_000;

/** Ways to Slack. Votes have their own, so that a limit on chatter never delays them. */
export interface SlackClients {
  /** Reactions and people, whenever something happened to an approval. */
  readonly votes: WebClient;
  /** The same at the moment of execution: a storm of reactions must not use up its share of Slack's limits. */
  readonly attest: WebClient;
  /** Messages. */
  readonly chatter: WebClient;
}

/** Opens them. None repeats a call by itself: a lost answer would become a second message. */
export function openClients(settings: BotSettings, token: Secret, log: Log): SlackClients {
  const open = (purpose: string, budget: Budget = {}): WebClient =>
    new PatientClient(budget, token.reveal(), {
      ...(settings.slack.apiUrl === undefined ? {} : { slackApiUrl: settings.slack.apiUrl }),
      retryConfig: { retries: 0 },
      timeout: callTimeoutMs,
      rejectRateLimitedCalls: true,
      allowAbsoluteUrls: false,
      logger: quietLogger(log.child({ slack: purpose })),
    });
  return { votes: open("votes", looks), attest: open("attest"), chatter: open("chatter") };
}

/** Calls a minute by method; what is not named has Slack's own limit only. */
type Budget = Readonly<Record<string, number>>;

/** Tier 3 allows 50 and more a minute; the rest belongs to the attestation. */
const looks: Budget = { "reactions.get": 40 };

/**
 * A client that remembers Slack's `Retry-After` by method and refuses by itself until then, with the same error as Slack's:
 * a call that is known to be refused only makes the wait longer. It also keeps to a budget where one is given.
 */
class PatientClient extends WebClient {
  readonly #until = new Map<string, number>();
  readonly #buckets = new Map<string, { left: number; at: number }>();
  readonly #budget: Budget;
  constructor(budget: Budget, ...rest: ConstructorParameters<typeof WebClient>) {
    super(...rest);
    this.#budget = budget;
  }

  override async apiCall(method: string, options?: Record<string, unknown>): Promise<WebAPICallResult> {
    const waitMs = Math.max((this.#until.get(method) ?? 0) - performance.now(), this.#overBudgetMs(method));
    if (waitMs > 0) throw new WebAPIRateLimitedError(waitMs / 1000);
    try {
      return await super.apiCall(method, options);
    } catch (thrown) {
      const fault = slackFault(thrown);
      if (fault.kind === "limited") this.#until.set(method, performance.now() + fault.afterMs);
      throw thrown;
    }
  }

  #overBudgetMs(method: string): number {
    const perMinute = this.#budget[method];
    if (perMinute === undefined) return 0;
    const now = performance.now();
    const bucket = this.#buckets.get(method) ?? { left: perMinute, at: now };
    const left = Math.min(perMinute, bucket.left + ((now - bucket.at) * perMinute) / 60_000);
    this.#buckets.set(method, { left: left < 1 ? left : left - 1, at: now });
    return left < 1 ? ((1 - left) * 60_000) / perMinute : 0;
  }
}

/** Slack's own loggers print bodies at debug level; only their warnings reach our log. */
export function quietLogger(log: Log): {
  debug(): void;
  info(): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
  setLevel(): void;
  getLevel(): LogLevel;
  setName(): void;
} {
  const say = (parts: readonly unknown[]): string =>
    parts.map((part) => (part instanceof Error ? part.message : String(part))).join(" ");
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (...parts) => log.warn({}, say(parts)),
    error: (...parts) => log.error({}, say(parts)),
    setLevel: () => undefined,
    getLevel: () => LogLevel.WARN,
    setName: () => undefined,
  };
}

/** What a failed call means. `ambiguous`: Slack may have done it all the same. */
export type SlackFault =
  | { readonly kind: "limited"; readonly afterMs: number }
  | { readonly kind: "ambiguous"; readonly message: string }
  | { readonly kind: "refused"; readonly error: string };

/** Reads an error of the Web API client. */
export function slackFault(thrown: unknown): SlackFault {
  const code = member(thrown, "code");
  if (code === "slack_webapi_rate_limited_error") {
    return { kind: "limited", afterMs: Math.max(50, (Number(member(thrown, "retryAfter")) || 1) * 1000) };
  }
  const said = code === "slack_webapi_platform_error" ? member(member(thrown, "data"), "error") : undefined;
  if (typeof said === "string" && !passing.has(said)) {
    return said === "ratelimited" ? { kind: "limited", afterMs: 1_000 } : { kind: "refused", error: said };
  }
  return { kind: "ambiguous", message: thrown instanceof Error ? thrown.message : String(thrown) };
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

/** Slack's own troubles, said as platform errors. */
const passing = new Set(["internal_error", "fatal_error", "service_unavailable", "request_timeout"]);
