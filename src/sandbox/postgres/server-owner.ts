import { readFileSync } from "node:fs";
import { chown, mkdir } from "node:fs/promises";
import { DrawbridgeError } from "../../errors.ts";

/** The unprivileged user that servers run as. */
export interface ServerOwner {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** `postgres`, else `nobody`, when we are root, since PostgreSQL refuses root; `undefined`: servers run as ourselves. */
export function serverOwner(): ServerOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const rows = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = rows.find((row) => row.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid), name };
  }
  throw new DrawbridgeError("DB_CONFIG", "we are root, and /etc/passwd names neither postgres nor nobody");
}

/** Makes a directory that belongs to the servers' user. */
export async function makeOwnedDirectory(path: string, owner: ServerOwner | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (owner) await chown(path, owner.uid, owner.gid);
}
