import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { openControl } from "../../src/migration/databases.ts";
import { replicationNames } from "../../src/migration/names.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { commitMarker, seesMarker } from "../../src/postgres/marker.ts";
import { subscriptionStatus } from "../../src/postgres/subscriptions.ts";
import { Secret } from "../../src/redact.ts";
import { herokuApp, migrationName } from "../../src/sandbox/run/config-file.ts";
import { acknowledged, readLedger } from "../../src/sandbox/shop/ledger.ts";
import { type AbortStage, lastWindow, migrationNow, until } from "./abort-stage.ts";

const commsChannel = "C0COMMS0000";

/** The app as Heroku has it, and what the channels say, before a window. */
export interface Before {
  readonly app: object;
  readonly databaseUrl: string;
  readonly putBacksTold: number;
}

/** To be taken when nothing is going on. */
export async function lookBefore(at: AbortStage): Promise<Before> {
  const { app, databaseUrl } = await appNow(at);
  return { app, databaseUrl, putBacksTold: await putBacksTold(at) };
}

async function appNow(at: AbortStage): Promise<{ app: object; databaseUrl: string }> {
  const app = at.stage.world.heroku.state().apps.find(({ name }) => name === herokuApp);
  const { maintenance, formation, databaseUrlOwner, config } = app ?? {};
  const preboot = await at.heroku.preboot(herokuApp);
  const databaseUrl = config?.["DATABASE_URL"] ?? "";
  return { app: { maintenance, formation, databaseUrlOwner, preboot }, databaseUrl };
}

async function putBacksTold(at: AbortStage): Promise<number> {
  return (await at.people.messages(commsChannel)).filter(({ text }) => /put back/i.test(text)).length;
}

/** What has to hold after a window was put back, wherever it was stopped. `step`: for the failure's message. */
export async function expectPutBack(at: AbortStage, step: string, before: Before, code: string): Promise<void> {
  const window = await until(`${step}: the window to be put back`, async () => {
    const now = await lastWindow(at);
    if (now?.state === "closed") throw new Error(`${step}: the window was not put back, it is done`);
    return now?.state === "put-back" && now;
  });
  expect(window.outcome, step).toMatch(new RegExp(`^${code}: `));
  const opened = Date.now();
  expect(await appNow(at), step).toEqual({ app: before.app, databaseUrl: before.databaseUrl });
  expect(before.app, step).toMatchObject({ maintenance: false, preboot: true, formation: { web: 2, worker: 1 } });
  // the migration lives: it waits, or restores the bridge again, and is told to go on
  expect(await migrationNow(at), step).toMatchObject({ state: "active", intent: "run" });
  await expectNoFence(before.databaseUrl, step);
  await expectWrites(at, before.databaseUrl, opened, step);
  if (window.name === "window-2") await expectForwardRuns(at, step);
  await expectTold(at, window, before, step);
}

/** No read-only default, no session of the fence, no lock of it, for the application's own login. */
async function expectNoFence(url: string, step: string): Promise<void> {
  await using db = openDatabase(new Secret(url), { applicationName: "abort-test", max: 1 });
  const [row] = await db.query<{ read_only: string; sessions: number; locks: number }>(
    `select current_setting('default_transaction_read_only') as read_only,
       (select count(*)::int from pg_stat_activity where application_name like 'drawbridge-fence%') as sessions,
       (select count(*)::int from pg_locks where locktype = 'relation' and mode = 'ExclusiveLock') as locks`,
  );
  expect(row, step).toEqual({ read_only: "off", sessions: 0, locks: 0 });
}

/** The shop has writes acknowledged again, where they were acknowledged before. */
async function expectWrites(at: AbortStage, url: string, sinceMs: number, step: string): Promise<void> {
  const { host } = new URL(url);
  await until(`${step}: acknowledged writes at ${host}`, async () => {
    const since = (await readLedger(at.stage.world.ledgerFile)).filter((entry) => entry.at > sinceMs);
    const strange = since.filter((entry) => acknowledged(entry) && entry.database !== host);
    if (strange.length > 0) throw new Error(`${step}: writes went to ${strange[0]?.database ?? "?"}`);
    return since.filter(acknowledged).length >= 3;
  });
}

/** Forward replication applies again; of the way back only slot and publication are there, no subscription. */
async function expectForwardRuns(at: AbortStage, step: string): Promise<void> {
  const names = replicationNames(migrationName);
  await using bridge = openControl(await at.databases.bridgeUrl("admin"), "abort-test");
  await using target = openControl(await at.databases.targetUrl("master"), "abort-test");
  expect((await subscriptionStatus(target, names.forwardSubscription))?.enabled, step).toBe(true);
  expect(await subscriptionStatus(bridge, names.reverseSubscription), step).toBeUndefined();
  const nonce = randomUUID();
  await commitMarker(bridge, "abort-test", nonce);
  await until(`${step}: a row to arrive at the target`, () => seesMarker(target, nonce));
}

/** Customers hear that it was put back; the team, that nothing is lost, where writes go, and what to type. */
async function expectTold(
  at: AbortStage,
  window: { readonly name: string },
  before: Before,
  step: string,
): Promise<void> {
  await until(`${step}: the comms channel to hear of it`, async () => (await putBacksTold(at)) > before.putBacksTold);
  const place = window.name === "window-1" ? "Heroku Postgres" : "the bridge";
  await until(`${step}: the failure's message`, async () => {
    const told = (await at.people.messages()).filter(({ text }) =>
      new RegExp(`${window.name.replace("-", ".")} was put back`, "i").test(text),
    );
    const last = told.at(-1)?.text ?? "";
    return /nothing lost/i.test(last) && last.includes(`writes go to ${place}`) && /\/migrate window/.test(last);
  });
}
