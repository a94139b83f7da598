import { setTimeout as delay } from "node:timers/promises";

/** What visitors saw so far. */
export interface VisitorCounts {
  readonly sent: number;
  readonly accepted: number;
  /** 503: the router's static page, or no web dyno. */
  readonly turnedAway: number;
  /** Any other answer, or none within five seconds. */
  readonly failed: number;
}

/** Visitors who order through the router, whatever happens; none orders a second time. */
export interface Visitors extends AsyncDisposable {
  counts(): VisitorCounts;
}

/** Sends `perSecond` orders a second to the app until disposed. */
export function startVisitors(routerUrl: string, perSecond: number): Visitors {
  const counts = { sent: 0, accepted: 0, turnedAway: 0, failed: 0 };
  const stopping = new AbortController();
  const open = new Set<Promise<void>>();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const visit = order(routerUrl, counts).finally(() => open.delete(visit));
      open.add(visit);
      await delay(1_000 / perSecond, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await Promise.all(open);
  };
  const done = run();
  return {
    counts: () => ({ ...counts }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await done;
    },
  };
}

async function order(
  routerUrl: string,
  counts: { -readonly [K in keyof VisitorCounts]: VisitorCounts[K] },
): Promise<void> {
  counts.sent += 1;
  try {
    const response = await fetch(`${routerUrl}/orders`, { method: "POST", signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    if (response.status === 201) counts.accepted += 1;
    else if (response.status === 503) counts.turnedAway += 1;
    else counts.failed += 1;
  } catch {
    counts.failed += 1;
  }
}
