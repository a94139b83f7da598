import { retrying } from "../archive/host/retrying.ts";
import { asDrawbridgeError, explain, type DrawbridgeError } from "../errors.ts";
import type { AgentFacts } from "../journal/agent-rows.ts";
import { faultFacts, type AgentContext } from "./context.ts";
import { takeFirstBackup, type BackupProgress } from "./first-backup.ts";
import type { LocalServer } from "./local-postgres.ts";
import { remember } from "./restore-goal.ts";

/** A first backup on its way; it takes hours, and the agent goes on telling meanwhile. */
export interface FirstBackupRun extends AsyncDisposable {
  /** How far it is, or what went wrong last, for the report. */
  facts(): AgentFacts;
}

/** How long after a failure the backup begins again, in milliseconds. */
const againMs = 5_000;

/** Begins the backup, and begins it again after a failure, until it is done or disposed of. */
export function startFirstBackup(context: AgentContext, server: LocalServer): FirstBackupRun {
  const { deps } = context;
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  let progress: BackupProgress | undefined;
  let fault: DrawbridgeError | undefined;
  const take = async (): Promise<void> => {
    const name = await takeFirstBackup(context, server, (now) => (progress = now), signal);
    fault = undefined;
    if (context.record) await remember(context, { ...context.record, firstBackup: name });
    deps.log.info({ name }, "the bridge has its first backup");
  };
  const pauseMs = (thrown: unknown): number => {
    fault = asDrawbridgeError(thrown);
    deps.log.error({ code: fault.code, fault: explain(fault) }, "the first backup failed and begins again");
    return againMs;
  };
  const run = async (): Promise<void> => {
    if (signal.aborted || context.record?.firstBackup !== undefined) return;
    // only the signal ends it without a backup
    await retrying(take, { pauseMs, clock: deps.clock, signal }).catch(() => undefined);
  };
  const running = run();
  return {
    facts: () => ({ ...progress, ...(fault ? { error: faultFacts(fault) } : {}) }),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
