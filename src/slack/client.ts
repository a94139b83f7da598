import { LogLevel, WebClient } from "@slack/web-api";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import type { BotSettings } from "./settings.ts";

/** The longest that one call may take. */
const callTimeoutMs = 5_000;

/** Ways to Slack. Votes have their own, so that a limit on chatter never delays them. */
export interface SlackClients {
  /** Reactions, people, attestation. */
  readonly votes: WebClient;
  /** Messages. */
  readonly chatter: WebClient;
}

/** Opens both. Neither repeats a call by itself: a lost answer would become a second message. */
export function openClients(settings: BotSettings, token: Secret, log: Log): SlackClients {
  const open = (purpose: string): WebClient =>
    new WebClient(token.reveal(), {
      ...(settings.slack.apiUrl === undefined ? {} : { slackApiUrl: settings.slack.apiUrl }),
      retryConfig: { retries: 0 },
      timeout: callTimeoutMs,
      rejectRateLimitedCalls: true,
      allowAbsoluteUrls: false,
      logger: quietLogger(log.child({ slack: purpose })),
    });
  return { votes: open("votes"), chatter: open("chatter") };
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
    return { kind: "limited", afterMs: Math.max(1, Number(member(thrown, "retryAfter")) || 1) * 1000 };
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
