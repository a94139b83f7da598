import { readFileSync } from "node:fs";

/** Who a server runs as; `undefined` ids mean: as ourselves. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * The user for database servers: ourselves, or `postgres` (else `nobody`) when we are root, since PostgreSQL refuses root.
 * Spread it into the options of `spawn`.
 */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const rows = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = rows.find((row) => row.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("we are root and /etc/passwd names neither postgres nor nobody");
}
