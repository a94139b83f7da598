import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../support/cluster.ts";
import { poll, type RunningSandbox, startSandbox } from "../support/sandbox.ts";
import { actIn, readChannel } from "./channel.ts";
import { faultsOf, reportSchema } from "./report.ts";
import { expectCleanStop } from "./stop.ts";

async function expectGoodEnd(sandbox: RunningSandbox): Promise<ReturnType<typeof reportSchema.parse>> {
  expect(await sandbox.ended, sandbox.output().slice(-6_000)).toBe(0);
  const report = reportSchema.parse(sandbox.report());
  expect(faultsOf(report)).toEqual([]);
  return report;
}

test("two sandboxes run at once", async () => {
  await using one = startSandbox(["--seed", "1"]);
  await using two = startSandbox(["--seed", "2"]);
  await Promise.all([expectGoodEnd(one), expectGoodEnd(two)]);
});

test("a million rows", async () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-million-"));
  const file = join(folder, "million.sql");
  writeFileSync(
    file,
    `create table readings (id bigint generated always as identity primary key, sensor integer not null, value double precision, note text);
     insert into readings (sensor, value, note) select n % 1000, random(), md5(n::text) from generate_series(1, 1000000) n;\n`,
  );
  await using sandbox = startSandbox(["--load", file]);
  const report = await expectGoodEnd(sandbox);
  rmSync(folder, { recursive: true });
  expect(report.verified.rows).toBeGreaterThan(1_000_000);
});

test("pg_dump's custom format is loaded as well", async () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-dump-"));
  const file = join(folder, "foreign.dump");
  {
    await using server = await startCluster();
    const client = (program: string, args: readonly string[]) =>
      promisify(execFile)(join(server.bindir, program), [...args, server.url()], { maxBuffer: 1e8 });
    await client("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", new URL("foreign.sql", import.meta.url).pathname]);
    await client("pg_dump", ["-Fc", "-f", file]);
  }
  expect(readFileSync(file).subarray(0, 5).toString()).toBe("PGDMP");
  await using sandbox = startSandbox(["--load", file]);
  const report = await expectGoodEnd(sandbox);
  rmSync(folder, { recursive: true });
  expect(report.copied.tables).toBeGreaterThan(70);
});

test.each([
  /The shop has/,
  /◐ provision/,
  /◐ follow/,
  /Window 1 of shop-production is open/,
  /◐ replicate/,
  /Window 2 of shop-production is open/,
  /◐ soak/,
])("Ctrl-C once it says %s stops every process", async (words) => {
  await expectCleanStop(words);
});

test("a seed repeats who votes", async () => {
  const voters = async (): Promise<unknown> => {
    await using sandbox = startSandbox(["--seed", "77"]);
    return (await expectGoodEnd(sandbox)).approvals;
  };
  expect(await voters()).toEqual(await voters());
});

test("--hands-on: whoever sits at the page plays the people, by the hints that it shows", async () => {
  await using sandbox = startSandbox(["--hands-on"]);
  const { slack } = await sandbox.ready();
  let over = false;
  void sandbox.ended.then(() => (over = true));
  let last = { hint: "", atMs: 0 };
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const hint = await currentHint(slack.control).catch(() => undefined);
    // what did not work is tried again, as a person would
    if (hint === undefined || (hint === last.hint && Date.now() - last.atMs < 10_000)) continue;
    last = { hint, atMs: Date.now() };
    await follow(slack.control, hint).catch(() => undefined);
  }
  await expectGoodEnd(sandbox);
});

const hintSchema = z.object({ hint: z.object({ text: z.string() }).optional() });

async function currentHint(control: string): Promise<string | undefined> {
  const answer = await fetch(`${control}/state`, { signal: AbortSignal.timeout(10_000) });
  return hintSchema.parse(await answer.json()).hint?.text;
}

/** Does what the hint says: types the command, or reacts as two approvers on every gate. */
async function follow(control: string, hint: string): Promise<void> {
  const command = /\/migrate \w+/.exec(hint)?.[0];
  if (command !== undefined) return actIn(control, "command", { channel: "C0MIGRATION", user: "greg", text: command });
  if (!hint.includes("react ✅")) return;
  const messages = await readChannel(control, "C0MIGRATION");
  for (const { ts } of messages.filter(({ text }) => /^▲ \*?Approve:/.test(text))) {
    for (const user of ["ann", "bob"]) {
      await actIn(control, "reaction", { channel: "C0MIGRATION", user, ts, name: "white_check_mark" });
    }
  }
}

test("a run that needs no network and no accounts names its page, which shows the channel", async () => {
  await using sandbox = startSandbox(["--hands-on"]);
  const { slack } = await sandbox.ready();
  await poll("the page", 60_000, async () => ((await fetch(slack.url)).ok ? true : undefined));
  expect(await (await fetch(slack.url)).text()).toContain("<html");
});

test("a whole migration over Socket Mode: no signed request, and each message once", async () => {
  await using sandbox = startSandbox(["--socket"]);
  await expectGoodEnd(sandbox);
  expect(sandbox.output()).toContain("none is missing and none stands twice");
});
