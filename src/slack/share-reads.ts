import { setTimeout as delay } from "node:timers/promises";

/**
 * Makes of many reads at once a few: whoever asks while one is under way, or sooner than `everyMs` after it began, shares the
 * next one. So an answer is never older than its question, however many people ask at the same time.
 */
export function shareReads<T>(read: () => Promise<T>, everyMs = 0): () => Promise<T> {
  const ask = shareBatches(() => read(), everyMs);
  return () => ask(undefined);
}

/**
 * The same, for questions that differ: all that come while one read is under way, or sooner than `everyMs` after it began, are
 * put to the next one together, and each gets its whole answer.
 */
export function shareBatches<Q, T>(read: (asked: readonly Q[]) => Promise<T>, everyMs = 0): (asked: Q) => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: { readonly asked: Q[]; readonly answer: Promise<T> } | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;
  const start = (asked: readonly Q[]): Promise<T> => {
    begunAt = performance.now();
    const mine = read(asked).finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  const later = async (asked: readonly Q[]): Promise<T> => {
    await running?.catch(() => undefined);
    const waitMs = begunAt + everyMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    next = undefined;
    return start(asked);
  };
  return (question) => {
    if (next !== undefined) next.asked.push(question);
    else if (running === undefined && performance.now() >= begunAt + everyMs) return start([question]);
    else {
      const asked = [question];
      next = { asked, answer: later(asked) };
    }
    return next.answer;
  };
}
