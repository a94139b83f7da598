/** The process's environment; the cli room is the only one that reads it (law 7). */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** A signal that aborts on SIGTERM or SIGINT; the second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
    });
  }
  return stop.signal;
}
