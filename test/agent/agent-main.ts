import { runAgent } from "../../src/agent/agent.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { systemBindir } from "../support/bindir.ts";
import { MemoryJournal } from "./memory-journal.ts";

// An agent that restores until it is killed: after so many parts no further one ever comes.
const [archive = "", instanceDir = "", parts = ""] = process.argv.slice(2);
const inner = folderStore(archive);
const begun = new Set<string>();
const get: ObjectStore["get"] = (key, options) => {
  if (key.includes("tar_partitions")) begun.add(key);
  return begun.size > Number(parts) ? new Promise(() => undefined) : inner.get(key, options);
};
const journal = new MemoryJournal();
journal.setGoal("standby");
await runAgent({
  journal,
  archive: { ...inner, get },
  backups: folderStore(`${instanceDir}.bucket`),
  instanceDir,
  bindir: systemBindir(),
  host: "127.0.0.1",
  log: silentLog,
  clock: systemClock,
  signal: new AbortController().signal,
});
