import { asDrawbridgeError, type DrawbridgeError } from "../../errors.ts";
import type { ObjectInfo } from "../store/object-store.ts";
import { listWal } from "./wal-index.ts";
import type { WalSource } from "./wal-source.ts";

/** Which WAL to read, and whom to tell. */
export interface VerifyWalOptions {
  /** First segment, in the order of names. */
  readonly first: string;
  /** Told of every object that PostgreSQL must not see, with the rule that it breaks. */
  readonly onFinding: (finding: WalFinding) => void;
  /** Told after every file. */
  readonly onRead?: ((name: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One object that is wrong. */
export interface WalFinding {
  readonly key: string;
  /** The file that it should hold. */
  readonly name: string;
  readonly message: string;
}

/** Objects that are read at a time. */
const atOnce = 4;

/**
 * Reads and proves every segment, history, `.backup` and `.partial` file from a segment to the archive's end, and goes on
 * after whatever is wrong.
 * @returns how many were read
 * @throws DrawbridgeError what the store throws: an archive that cannot be read is not a damaged one.
 */
export async function verifyWal(source: WalSource, options: VerifyWalOptions): Promise<number> {
  const { first, signal } = options;
  const running = new Set<Promise<void>>();
  let files = 0;
  let fault: DrawbridgeError | undefined;
  const read = async (name: string, object: ObjectInfo): Promise<void> => {
    try {
      await source.verify(name, object, signal);
    } catch (thrown) {
      const its = asDrawbridgeError(thrown);
      if (its.code !== "DB_ARCHIVE_INVALID") fault ??= its;
      else options.onFinding({ key: object.key, name, message: its.message });
    }
    files += 1;
    options.onRead?.(name);
  };
  for await (const { name, objects } of listWal(source.store, first, signal)) {
    for (const object of objects) {
      const work = read(name, object).finally(() => running.delete(work));
      running.add(work);
      // the first one alone teaches what the others have to fit
      if (running.size >= (files === 0 ? 1 : atOnce)) await Promise.race(running);
    }
    if (fault !== undefined) break;
  }
  await Promise.all(running);
  if (fault !== undefined) throw fault;
  return files;
}
