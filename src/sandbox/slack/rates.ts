import type { Clock } from "../../clock.ts";

/** How often may be called what, before 429. */
export interface Rates {
  /** `chat.postMessage` and `chat.postEphemeral`: per second and channel, after a burst. */
  readonly postsPerSecondPerChannel: number;
  readonly postBurst: number;
  /** Other methods, per minute, method and token, by Slack's tiers. */
  readonly perMinute: Readonly<Record<Tier, number>>;
}

/** Slack's tiers; `special` stands for methods with limits of their own. Source: docs.slack.dev/apis/web-api/rate-limits. */
export type Tier = "tier2" | "tier3" | "tier4" | "special";

/** Slack's documented numbers; a whole minute's calls may come at once, as Slack tolerates. */
export const slackRates: Rates = {
  postsPerSecondPerChannel: 1,
  postBurst: 5,
  perMinute: { tier2: 20, tier3: 50, tier4: 100, special: 600 },
};

/** Answers undefined when a call may pass, else the whole seconds to wait. */
export type RateLimit = (key: string, perSecond: number, burst: number) => number | undefined;

/** Token buckets, one for each key. */
export function openRateLimit(clock: Clock): RateLimit {
  const buckets = new Map<string, { left: number; atMs: number }>();
  return (key, perSecond, burst) => {
    const nowMs = clock.now().getTime();
    const bucket = buckets.get(key) ?? { left: burst, atMs: nowMs };
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    buckets.set(key, bucket);
    if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / perSecond));
    bucket.left -= 1;
    return undefined;
  };
}
