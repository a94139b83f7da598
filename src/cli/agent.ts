import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { runAgent } from "../agent/agent.ts";
import { giveWay } from "../archive/host/give-way.ts";
import { readInstanceAddress, readUserData } from "../aws/instance-metadata.ts";
import { openS3Store } from "../aws/s3-store.ts";
import { systemClock } from "../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import { agentJournal } from "../journal/agent-journal.ts";
import { openJournal } from "../journal/open.ts";
import { type Log, openLog } from "../log.ts";
import { backupsPrefix } from "../migration/bootstrap.ts";
import { openWorker } from "../queue/worker.ts";
import { Secret } from "../redact.ts";
import { parsePrefix } from "./archive/prefix.ts";
import { findServerBindir } from "./client-bindir.ts";
import { environment, stopSignal } from "./environment.ts";
import type { AgentOptions } from "./program.ts";

const secret = z.string().transform((value) => new Secret(value));
const bootstrapSchema = z.object({
  migrationId: z.string(),
  journalUrl: secret,
  redisUrl: secret,
  archive: z.object({
    prefix: z.string().optional(),
    region: z.string(),
    endpoint: z.string().optional(),
    accessKeyId: z.string(),
    secretAccessKey: secret,
    sessionToken: secret.optional(),
  }),
  backups: z.object({ bucket: z.string(), region: z.string(), endpoint: z.string().optional() }),
});
type Bootstrap = z.infer<typeof bootstrapSchema>;

const userDataSchema = z.object({
  drawbridge: z.object({ bucket: z.string(), key: z.string(), region: z.string(), s3Endpoint: z.string().optional() }),
});
type Pointer = z.infer<typeof userDataSchema>["drawbridge"];

/** `drawbridge agent`: user-data names a key in our bucket, and what lies there names everything else. */
export async function runAgentCommand(options: AgentOptions): Promise<void> {
  const log = openLog("agent");
  const stop = stopSignal();
  // PostgreSQL, which has a session of its own, is what this host is for
  void giveWay();
  const env = environment();
  const metadata = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
  const userData: unknown = JSON.parse(await readUserData(metadata));
  const pointer = userDataSchema.parse(userData).drawbridge;
  const read = () => readBootstrap(pointer, log);
  const boot = await read();
  await using journal = openJournal(boot.journalUrl, "agent", log);
  const archive = openS3Store({
    ...parsePrefix(boot.archive.prefix, "the bootstrap document"),
    region: boot.archive.region,
    endpoint: boot.archive.endpoint,
    credentials: async () => (await read()).archive,
    log,
  });
  const backups = openS3Store({ ...boot.backups, prefix: backupsPrefix(boot.migrationId), log });
  const reached = await reach(boot, journal.db, archive, log);
  await using doorbell = { [Symbol.asyncDispose]: async () => reached.worker?.close(1000) };
  void doorbell;
  const port = Number(options.port);
  await runAgent({
    journal: agentJournal(journal, boot.migrationId),
    archive,
    backups,
    instanceDir: options.directory,
    bindir: options.bindir ?? findServerBindir(),
    host: options.host ?? (await readInstanceAddress(metadata)) ?? ownAddress(),
    ...(port === 0 ? {} : { port }),
    reaches: reached.reaches,
    log,
    clock: systemClock,
    signal: stop,
  });
}

async function readBootstrap(pointer: Pointer, log: Log): Promise<Bootstrap> {
  const store = openS3Store({
    bucket: pointer.bucket,
    prefix: "",
    region: pointer.region,
    endpoint: pointer.s3Endpoint,
    log,
  });
  const object = await store.get(pointer.key);
  if (object === undefined) {
    throw new DrawbridgeError(
      "DB_CONFIG",
      `s3://${pointer.bucket}/${pointer.key} is not there: the migration is over, or not this far`,
    );
  }
  const content: unknown = JSON.parse(await text(object.body));
  return bootstrapSchema.parse(content);
}

/** Tries journal, Redis and archive from this host; `provision` fails unless all three answer. */
async function reach(
  boot: Bootstrap,
  journal: { query: (sql: string) => Promise<unknown> },
  archive: { list: (prefix: string) => AsyncIterable<unknown> },
  log: Log,
) {
  const tries = async (what: string, attempt: () => Promise<unknown>): Promise<boolean> => {
    try {
      await attempt();
      return true;
    } catch (thrown) {
      log.error({ what, error: asDrawbridgeError(thrown).message }, "not reached from this bridge");
      return false;
    }
  };
  let worker: Awaited<ReturnType<typeof openWorker>> | undefined;
  const reaches = {
    journal: await tries("journal", () => journal.query("select 1")),
    redis: await tries("redis", async () => {
      // The goal's changes come through the journal's notifications; the bell only shortens the wait.
      worker = await openWorker({
        redisUrl: boot.redisUrl,
        queue: "agent",
        concurrency: 1,
        log,
        handle: async () => undefined,
      });
    }),
    archive: await tries("archive", async () => {
      for await (const object of archive.list("basebackups_005/")) return object;
      return undefined;
    }),
  };
  return { reaches, worker };
}

/** The first address of this host that is not loopback. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const found = all.find((entry) => entry.family === "IPv4" && !entry.internal);
  if (found === undefined) throw new DrawbridgeError("DB_CONFIG", "this host has no address; name it with --host");
  return found.address;
}
