import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openDatabase } from "../../postgres/connect.ts";
import { type Secret } from "../../redact.ts";
import { createCluster, type SandboxCluster } from "../postgres/cluster.ts";
import { runOnce } from "./role-process.ts";

/** The journal's server, prepared by the program's own `journal init`. */
export interface SandboxJournal {
  readonly cluster: SandboxCluster;
  /** For reading the report. */
  readonly workerUrl: string;
  readonly botUrl: string;
  /** Without a user: the agent's own role comes with its bootstrap document. */
  readonly agentUrl: string;
  readonly adminUrl: Secret;
}

/** Starts a PostgreSQL for the journal and runs `drawbridge journal init` against it. */
export async function startJournal(bindir: string, directory: string): Promise<SandboxJournal> {
  const cluster = await createCluster({
    bindir,
    directory: join(directory, "journal"),
    superuser: "postgres",
    settings: { max_connections: "100", shared_buffers: "32MB" },
  });
  try {
    return await prepareJournal(cluster);
  } catch (thrown) {
    await cluster[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function prepareJournal(cluster: SandboxCluster): Promise<SandboxJournal> {
  await cluster.start();
  const adminPassword = randomBytes(24).toString("hex");
  {
    await using admin = openDatabase(cluster.adminUrl(), { applicationName: "sandbox", max: 1 });
    await admin.query(`create role journal_admin login createrole password '${adminPassword}'`);
    await admin.query("create database journal owner journal_admin");
  }
  const url = (user: string): string => cluster.url(user, randomBytes(24).toString("hex"), "journal").reveal();
  const [botUrl, workerUrl] = [url("drawbridge_bot"), url("drawbridge_worker")];
  const adminUrl = cluster.url("journal_admin", adminPassword, "journal");
  const init = await runOnce(["journal", "init"], {
    DRAWBRIDGE_ADMIN_JOURNAL_URL: adminUrl.reveal(),
    DRAWBRIDGE_BOT_JOURNAL_URL: botUrl,
    DRAWBRIDGE_WORKER_JOURNAL_URL: workerUrl,
  });
  if (init.status !== 0) throw new Error(`journal init failed: ${init.stderr}`);
  return { cluster, workerUrl, botUrl, agentUrl: `postgres://127.0.0.1:${cluster.port}/journal`, adminUrl };
}
