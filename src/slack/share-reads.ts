/**
 * Makes of many reads at once a few: whoever asks while one is under way shares the next one. So an answer is never older than
 * its question, however many people ask at the same time.
 */
export function shareReads<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const mine = read().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  const afterThis = async (present: Promise<T>): Promise<T> => {
    await present.catch(() => undefined);
    next = undefined;
    return start();
  };
  return () => (running === undefined ? start() : (next ??= afterThis(running)));
}
