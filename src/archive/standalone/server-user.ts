import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { execa } from "execa";
import { DrawbridgeError } from "../../errors.ts";
import type { Owner } from "../server/owned-file.ts";

/** Whose process PostgreSQL will run as. */
export interface StandaloneUser {
  readonly name: string;
  /** To be set on files; absent when that user is us. */
  readonly owner: Owner | undefined;
}

/**
 * The user for the server of a cluster restored into `into`: ourselves, or, when we are root, as which no server runs, the
 * one that is named, else the owner of the directory or of what it lies in, else `postgres`.
 * @throws DrawbridgeError `DB_BAD_INPUT` when there is no such user.
 */
export async function findStandaloneUser(into: string, wanted: string | undefined): Promise<StandaloneUser> {
  const us = userInfo();
  if (us.uid !== 0) {
    if (wanted === undefined || wanted === us.username) return { name: us.username, owner: undefined };
    throw bad(`only root can restore for another user; leave --owner ${wanted} out, or run this as root`);
  }
  if (wanted !== undefined) {
    const found = await lookUp(wanted);
    if (found?.owner?.uid === 0) throw bad("PostgreSQL refuses to run as root; name another user with --owner");
    if (found) return found;
    throw bad(`there is no user ${wanted} on this host`);
  }
  const uid = await ownerOf(into);
  const found = (uid === 0 ? undefined : await lookUp(String(uid))) ?? (await lookUp("postgres"));
  if (found) return found;
  throw bad("PostgreSQL refuses to run as root, and this host has no user postgres; name one with --owner");
}

/** Of the directory itself, or of the nearest one above it that exists. */
async function ownerOf(path: string): Promise<number> {
  try {
    return (await stat(path)).uid;
  } catch (cause) {
    const parent = dirname(path);
    if (parent === path) throw cause;
    return ownerOf(parent);
  }
}

/** By name or number, from wherever this host keeps its users. */
async function lookUp(who: string): Promise<StandaloneUser | undefined> {
  const { stdout, exitCode } = await execa("getent", ["passwd", who], { reject: false });
  const [name, , uid, gid] = stdout.split(":");
  if (exitCode !== 0 || name === undefined || uid === undefined || gid === undefined) return undefined;
  return { name, owner: { uid: Number(uid), gid: Number(gid) } };
}

function bad(what: string): DrawbridgeError {
  return new DrawbridgeError("DB_BAD_INPUT", what);
}
