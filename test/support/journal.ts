import { initJournal } from "../../src/journal/init.ts";
import { type Journal, openJournal } from "../../src/journal/open.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { Secret } from "../../src/redact.ts";
import type { TestCluster } from "./cluster.ts";

/** A journal in a fresh database, with its real roles. */
export interface TestJournal extends AsyncDisposable {
  readonly database: string;
  readonly urls: { readonly admin: Secret; readonly bot: Secret; readonly worker: Secret };
  /** The administrator's way in: refused nothing that the rules do not refuse everyone. */
  readonly admin: Journal;
  readonly bot: Journal;
  readonly worker: Journal;
}

let made = 0;

/** Initialises a journal under roles of its own. Closing it leaves the database to the cluster. */
export async function makeJournal(cluster: TestCluster): Promise<TestJournal> {
  const database = await cluster.createDatabase();
  const tail = `${process.pid}_${++made}`;
  const bot = `bot_${tail}`;
  const worker = `worker_${tail}`;
  const adminUrl = new Secret(cluster.url(database));
  const login = (role: string) => ({ role, verifier: scramVerifier(new Secret(`pw-${role}`)) });
  await initJournal({ adminUrl, bot: login(bot), worker: login(worker) });
  const urls = {
    admin: adminUrl,
    bot: new Secret(cluster.url(database, bot, `pw-${bot}`)),
    worker: new Secret(cluster.url(database, worker, `pw-${worker}`)),
  };
  const journals = {
    admin: openJournal(urls.admin, "report"),
    bot: openJournal(urls.bot, "bot"),
    worker: openJournal(urls.worker, "worker"),
  };
  return {
    database,
    urls,
    ...journals,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([journals.admin.close(), journals.bot.close(), journals.worker.close()]);
    },
  };
}
