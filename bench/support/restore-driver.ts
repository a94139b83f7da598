import { join } from "node:path";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { restoreBaseBackup } from "../../src/archive/restore/restore.ts";
import { openS3Store } from "../../src/aws/s3-store.ts";
import { silentLog } from "../../src/log.ts";
import { bucket } from "./s3-server.ts";

/** The restore engine alone: `restore-driver.ts ENDPOINT PREFIX INTO`, keys in the environment. */
const [endpoint = "", prefix = "", into = ""] = process.argv.slice(2);
const store = openS3Store({ bucket, prefix, endpoint, region: "us-east-1", log: silentLog });
const backups = await listBackups(store);
const backup = backups.at(-1);
if (!backup) throw new Error(`no backup in ${prefix}`);
await restoreBaseBackup({ store, backup, into, tablespacesDir: join(into, "../tablespaces-none") });
store.close();
