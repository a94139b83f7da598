import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { DrawbridgeError } from "../../errors.ts";
import type { Owner } from "./owned-file.ts";

/** Whose process PostgreSQL runs as. */
export interface ServerUser {
  readonly name: string;
  /** To be set on files and processes; absent when that user is us already. */
  readonly owner: Owner | undefined;
}

/**
 * The user for PostgreSQL: ourselves, or, when we are root, as which no server runs, `wanted`, else the first of `others` (names
 * or numbers) that this host has.
 * @throws DrawbridgeError `DB_BAD_INPUT` when there is no such user.
 */
export async function findServerUser(
  wanted?: string,
  others: readonly string[] = ["postgres", "nobody"],
): Promise<ServerUser> {
  const us = userInfo();
  if (us.uid !== 0) {
    if (wanted === undefined || wanted === us.username) return { name: us.username, owner: undefined };
    throw bad(`only root can work for another user than itself: run this as root, or do not name ${wanted}`);
  }
  for (const who of wanted === undefined ? others : [wanted]) {
    const found = await lookUp(who);
    if (found !== undefined && found.owner?.uid !== 0) return found;
    if (found !== undefined && wanted !== undefined) throw bad("PostgreSQL refuses to run as root; name another user");
  }
  if (wanted !== undefined) throw bad(`there is no user ${wanted} on this host`);
  throw bad("PostgreSQL refuses to run as root, and this host has no user postgres; name another one");
}

/** By name or number, from wherever this host keeps its users. */
async function lookUp(who: string): Promise<ServerUser | undefined> {
  // it says by its status that nobody is called so
  const { stdout } = await promisify(execFile)("getent", ["passwd", who]).catch(() => ({ stdout: "" }));
  const [name, , uid, gid] = stdout.split(":");
  if (name === undefined || uid === undefined || gid === undefined) return undefined;
  return { name, owner: { uid: Number(uid), gid: Number(gid) } };
}

function bad(what: string): DrawbridgeError {
  return new DrawbridgeError("DB_BAD_INPUT", what);
}
