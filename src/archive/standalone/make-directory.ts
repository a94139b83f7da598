import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DrawbridgeError } from "../../errors.ts";

/**
 * Makes a directory and those above it, one by one: Node's own recursive form never returns where a file system such as /proc
 * takes none. Directories above it let every user pass, so that the server's user gets there.
 * @throws DrawbridgeError `DB_BAD_INPUT` that says why there can be none.
 */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory() === true) return;
  if (facts) throw new DrawbridgeError("DB_BAD_INPUT", `${path} is not a directory`);
  if (dirname(path) !== path) await makeDirectory(dirname(path), 0o755);
  try {
    await mkdir(path, { mode });
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new DrawbridgeError("DB_BAD_INPUT", `the directory ${path} cannot be made (${why})`, { cause });
  }
}
