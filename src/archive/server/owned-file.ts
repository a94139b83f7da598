import { chown, writeFile } from "node:fs/promises";

/** Whose files a server's are; left as they are when absent (we are not root). */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Writes a small file for the server's user. */
export async function writeOwned(path: string, content: string, owner: Owner | undefined, mode = 0o600): Promise<void> {
  await writeFile(path, content, { mode });
  if (owner) await chown(path, owner.uid, owner.gid);
}
