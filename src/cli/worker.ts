import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { processPhase } from "../../jobs/process-phase.ts";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/load.ts";
import { readSecrets } from "../config/secrets.ts";
import { openJournal } from "../journal/open.ts";
import { demandSchema } from "../journal/schema-version.ts";
import { openLog } from "../log.ts";
import { answerCommands } from "../migration/commands/answer.ts";
import { startSampler } from "../migration/sampler.ts";
import { startSweep } from "../migration/sweep.ts";
import { openDoorbell } from "../queue/doorbell.ts";
import { openWorker } from "../queue/worker.ts";
import { buildWorld } from "./build-world.ts";
import { findClientBindir } from "./client-bindir.ts";
import { environment, stopSignal } from "./environment.ts";
import { heartbeatFile, keepBeating } from "./heartbeat.ts";

/** `drawbridge worker`: answers commands, runs phases, samples lag, until told to stop. */
export async function runWorker(options: { readonly config: string }): Promise<void> {
  const config = loadConfig(options.config);
  const secrets = readSecrets("worker", environment());
  const log = openLog("worker");
  const stop = stopSignal();
  await using journal = openJournal(secrets.DRAWBRIDGE_JOURNAL_URL, "worker", log);
  await demandSchema(journal.db);
  await using doorbell = openDoorbell({ redisUrl: secrets.DRAWBRIDGE_REDIS_URL, log });
  const world = buildWorld({ config, secrets, journal, log, clientBindir: findClientBindir() });
  const name = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const redisUrl = secrets.DRAWBRIDGE_REDIS_URL;
  const ring = async (phase: string) => void (await doorbell.ring(world.migrationId, phase));
  const phases = await openWorker({
    redisUrl,
    queue: "phases",
    concurrency: 2,
    log,
    handle: (payload, signal) =>
      processPhase({ world, doorbell, worker: name }, payload, AbortSignal.any([signal, stop])),
  });
  const commands = await openWorker({
    redisUrl,
    queue: "commands",
    concurrency: 1,
    log,
    handle: () => answerCommands(world, ring),
  });
  const sweep = startSweep({ journal, bell: doorbell, clock: systemClock, log });
  const sampler = startSampler(world, stop);
  const file = heartbeatFile(environment());
  const probe = () => journal.db.query("select 1 as beat");
  const beating = file === undefined ? undefined : keepBeating({ file, probe, log, signal: stop });
  log.info({ worker: name, migration: world.migrationId }, "worker is up");
  await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  log.info({ worker: name }, "worker stops");
  await Promise.all([phases.close(10_000), commands.close(5_000), sweep.close(), sampler, beating]);
}
