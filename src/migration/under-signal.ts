import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";

/** How long work may go on after its signal, to end in order. */
const graceMs = 10_000;

/** A signal that aborts with `DB_WAIT_TIMEOUT` after a while. `clear` ends the timer. */
export function deadlineSignal(ms: number, what: string): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const late = (): void =>
    controller.abort(new DrawbridgeError("DB_WAIT_TIMEOUT", `${what} took longer than ${ms} ms`));
  const timer = setTimeout(late, ms);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/**
 * Runs work that takes a signal. When it fails after the signal, the signal's reason is what counts; when it does not end
 * within ten seconds after the signal, it is left behind.
 */
export async function underSignal<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { promise: abandoned, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => void (timer = setTimeout(() => reject(asDrawbridgeError(signal.reason)), graceMs));
  try {
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    return await Promise.race([work(), abandoned]);
  } catch (thrown) {
    throw asDrawbridgeError(signal.aborted ? signal.reason : thrown);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
