/** A courier as a process of its own, to be killed: `courier-main.ts ARCHIVE_FOLDER SPOOL UID GID`. Says "ready" to its parent. */
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { serveRestores } from "../../../src/archive/wal/serve-restores.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { silentLog } from "../../../src/log.ts";

const [archive = "", dir = "", uid = "", gid = ""] = process.argv.slice(2);
const owner = uid === "" ? undefined : { uid: Number(uid), gid: Number(gid) };
const source = new WalSource({ store: folderStore(archive), owner, threads: 1 });
await serveRestores({
  spool: { dir, owner },
  source,
  mode: "standby",
  onFault: () => undefined,
  log: silentLog,
  signal: new AbortController().signal,
});
process.send?.("ready");
