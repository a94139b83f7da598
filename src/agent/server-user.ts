import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import type { Owner } from "../archive/server/owned-file.ts";
import { DrawbridgeError } from "../errors.ts";

/** Whose process PostgreSQL runs as. */
export interface ServerUser {
  readonly name: string;
  /** To be set on files and processes; absent when that user is us already. */
  readonly owner: Owner | undefined;
}

/**
 * The user for PostgreSQL: ourselves, or `wanted`, `postgres` or `nobody` when we are root, as which no server may run.
 * @throws DrawbridgeError `DB_CONFIG` when there is no such user.
 */
export async function findServerUser(wanted?: string): Promise<ServerUser> {
  const us = userInfo();
  if (us.uid !== 0) return { name: us.username, owner: undefined };
  const passwd = await readFile("/etc/passwd", "utf8");
  for (const name of wanted === undefined ? ["postgres", "nobody"] : [wanted]) {
    const line = passwd.split("\n").find((entry) => entry.startsWith(`${name}:`));
    const [, , uid, gid] = line?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined && uid !== "0")
      return { name, owner: { uid: Number(uid), gid: Number(gid) } };
  }
  throw new DrawbridgeError(
    "DB_CONFIG",
    `PostgreSQL must not run as root, and there is no user ${wanted ?? "postgres"}`,
  );
}
