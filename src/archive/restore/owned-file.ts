import { chown, writeFile } from "node:fs/promises";
import type { Owner } from "./extract.ts";

/** Writes a small file for the server's user. */
export async function writeOwned(path: string, content: string, owner: Owner | undefined, mode = 0o600): Promise<void> {
  await writeFile(path, content, { mode });
  if (owner) await chown(path, owner.uid, owner.gid);
}
