import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DrawbridgeError } from "../../errors.ts";

/**
 * Makes a directory and those above it, one by one: Node's own recursive form never returns where a file system such as /proc
 * takes none. Directories above it let every user pass, so that the server's user gets there. Those that were made are added to
 * `made`, the outermost first.
 * @throws DrawbridgeError `DB_BAD_INPUT` that says why there can be none.
 */
export async function makeDirectory(path: string, made: string[], mode = 0o700): Promise<void> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory() === true) return;
  if (facts) throw new DrawbridgeError("DB_BAD_INPUT", `${path} is not a directory`);
  if (dirname(path) !== path) await makeDirectory(dirname(path), made, 0o755);
  try {
    await mkdir(path, { mode });
    made.push(path);
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new DrawbridgeError("DB_BAD_INPUT", `the directory ${path} cannot be made (${why})`, { cause });
  }
}

/** Takes back directories that {@link makeDirectory} has made, as far as nothing was put into them. */
export async function removeEmpty(made: readonly string[]): Promise<void> {
  for (const path of made.toReversed()) await rmdir(path).catch(() => undefined);
}
