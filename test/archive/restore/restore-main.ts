import { join } from "node:path";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";

// Restores into <home>/pgdata until it is killed: after so many parts no further one ever comes.
const [archive = "", home = "", parts = ""] = process.argv.slice(2);
const inner = folderStore(archive);
const begun = new Set<string>();
const get: ObjectStore["get"] = (key, options) => {
  if (key.includes("tar_partitions")) begun.add(key);
  return begun.size > Number(parts) ? new Promise(() => undefined) : inner.get(key, options);
};
const store: ObjectStore = { ...inner, get };
// a promise alone does not keep a process
setInterval(() => undefined, 1_000);
const backup = (await listBackups(store)).at(-1);
if (!backup) throw new Error("no backup");
await restoreBaseBackup({
  store,
  backup,
  into: join(home, "pgdata"),
  tablespacesDir: join(home, "ts"),
  concurrency: 1,
});
