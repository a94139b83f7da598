import { DrawbridgeError } from "../../errors.ts";

/**
 * Why a member could not be made: where its name has a form that no file here can have, the archive is what is wrong;
 * anything else (no room, no right, a broken disk) is this machine's trouble, `DB_UNEXPECTED`.
 */
export function diskFault(what: string, cause: unknown): DrawbridgeError {
  const code = codeOf(cause);
  if (code !== undefined && /^(?:ERR_FS_)?(?:EEXIST|EISDIR|ENOTDIR|ENAMETOOLONG|ELOOP)$/.test(code)) {
    const words = `${what} cannot be a file or directory here (${code})`;
    return new DrawbridgeError("DB_ARCHIVE_INVALID", words, { cause });
  }
  const full = code === "ENOSPC" || code === "EDQUOT";
  const words = full ? "the disk is full" : cause instanceof Error ? cause.message : String(cause);
  return new DrawbridgeError("DB_UNEXPECTED", `${what}: ${words}`, { cause, ...(full ? { outcome: "paused" } : {}) });
}

/** `ENOSPC` and the like. */
export function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
