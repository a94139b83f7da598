import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { waitFor } from "../../src/clock.ts";
import { archiveFolder } from "../support/archives.ts";
import type { TestBridge } from "./bridge.ts";
import { readExpected, readTables } from "./fixture.ts";

const name = "wal-e-15-heroku";
/** Of the archive that is restored here. */
export const archive = join(archiveFolder(name), "prefix");

/** A store that says which parts were asked for, and may wait or fail first. */
export function watched(before: (key: string) => Promise<void> = () => Promise.resolve()): {
  store: ObjectStore;
  parts: () => string[];
} {
  const inner = folderStore(archive);
  const asked: string[] = [];
  const get: ObjectStore["get"] = async (key, options) => {
    asked.push(key);
    await before(key);
    return inner.get(key, options);
  };
  const parts = (): string[] => [...new Set(asked.filter((key) => key.includes("tar_partitions")))];
  return { store: { ...inner, get }, parts };
}

/** Parts that the restore's journal calls written. */
export async function writtenIn({ instanceDir }: TestBridge): Promise<string[]> {
  const text = await readFile(join(instanceDir, "restore.journal"), "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => /"type":"written".*?"key":"([^"]+)"/.exec(line)?.[1] ?? []);
}

/** An agent of its own that is killed when `count` parts are written. */
export async function restoreAndKill(bridge: TestBridge, count: number): Promise<string[]> {
  const script = join(import.meta.dirname, "agent-main.ts");
  const child = fork(script, [archive, bridge.instanceDir, String(count)], { execArgv: [], stdio: "inherit" });
  const exited = once(child, "exit");
  try {
    const enough = async (): Promise<boolean> => (await writtenIn(bridge)).length >= count;
    await waitFor(enough, { deadlineMs: 60_000, everyMs: 5, what: "parts" });
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  return writtenIn(bridge);
}

/** The standby follows, and has the rows that it should have. */
export async function expectWhole(bridge: TestBridge): Promise<void> {
  const expected = await readExpected(name);
  const state = await bridge.journal.reached("following");
  await using session = await bridge.session(expected.database, state.facts.port ?? 0);
  const same = async (): Promise<boolean> =>
    isDeepStrictEqual(await readTables(session, expected).catch(() => undefined), expected.tables);
  await waitFor(same, { deadlineMs: 60_000, what: "the rows that are expected" });
}
