import { formatBytes, formatSeconds } from "./words.ts";

/** How far some work is; totals are absent where nobody knows them. */
export interface Amount {
  readonly bytesDone: number;
  readonly bytesTotal?: number | undefined;
  /** What else is worth a word: `part 3 of 5`. */
  readonly note?: string | undefined;
}

/** Tells a person how far the work is: a bar on a terminal, else a line every few seconds. */
export interface ProgressTeller extends Disposable {
  tell(amount: Amount): void;
}

/** Where progress is written: standard error, so that standard output stays the result's. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const everyMs = { terminal: 100, plain: 5_000 };

/** Opens a teller for work called `what`; `nowMs` is for tests. */
export function openProgress(what: string, screen: Screen, nowMs: () => number = Date.now): ProgressTeller {
  const isTerminal = screen.isTTY === true;
  // the rate is that of this run: what an earlier one had done, and the time before the first byte, do not count
  let first: { readonly atMs: number; readonly bytes: number } | undefined;
  let toldMs = isTerminal ? Number.NEGATIVE_INFINITY : undefined;
  let shown = false;
  return {
    tell: (amount) => {
      const now = nowMs();
      first ??= { atMs: now, bytes: amount.bytesDone };
      toldMs ??= now;
      if (now - toldMs < (isTerminal ? everyMs.terminal : everyMs.plain)) return;
      toldMs = now;
      const rate = now > first.atMs ? (amount.bytesDone - first.bytes) / ((now - first.atMs) / 1000) : 0;
      if (!isTerminal) return void screen.write(`${what}: ${describeAmount(amount, rate)}\n`);
      shown = true;
      screen.write(`\r\u001b[K${drawBar(what, amount, rate, screen.columns ?? 80)}`);
    },
    [Symbol.dispose]: () => {
      if (shown) screen.write("\r\u001b[K");
    },
  };
}

/** `1.2 GiB of 4.0 GiB (30 %), 250 MiB/s, 11 s left, part 3 of 12`; `rate` in bytes a second, 0: unknown. Pure. */
export function describeAmount({ bytesDone, bytesTotal, note }: Amount, rate: number): string {
  const isKnown = bytesTotal !== undefined && bytesTotal > 0;
  const done = isKnown
    ? `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)} (${Math.min(100, Math.floor((100 * bytesDone) / bytesTotal))} %)`
    : formatBytes(bytesDone);
  const left = isKnown && rate > 0 ? Math.max(0, bytesTotal - bytesDone) / rate : undefined;
  return [
    done,
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(left === undefined ? [] : [`${formatSeconds(left)} left`]),
    ...(note === undefined ? [] : [note]),
  ].join(", ");
}

/** One line, never wider than the terminal. Pure. */
export function drawBar(what: string, amount: Amount, rate: number, columns: number): string {
  const words = describeAmount(amount, rate);
  const width = Math.min(30, columns - what.length - words.length - 6);
  const { bytesDone, bytesTotal } = amount;
  if (bytesTotal === undefined || bytesTotal === 0 || width < 5) return `${what}: ${words}`.slice(0, columns - 1);
  const full = Math.round(width * Math.min(1, bytesDone / bytesTotal));
  return `${what} [${"#".repeat(full)}${"-".repeat(width - full)}] ${words}`;
}
