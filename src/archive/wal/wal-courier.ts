import { watch } from "node:fs";
import { chmod, chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, type Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { nextSegment, parseSegmentName, usualSegmentBytes, walKind } from "../format/wal-names.ts";
import type { Owner } from "../restore/extract.ts";

/** A directory through which PostgreSQL's shell commands and a resident process hand each other WAL files. */
export interface Spool {
  readonly dir: string;
  /** The server's user, when it is not ours. */
  readonly owner?: Owner | undefined;
}

const subdirs = ["want", "taken", "ready", "missing", "incoming", "outgoing", "done"] as const;

/** Makes the spool's directories. It has to lie on the same file system as `pg_wal`, and outside the data directory. */
export async function prepareSpool(spool: Spool): Promise<void> {
  for (const path of [spool.dir, ...subdirs.map((name) => join(spool.dir, name))]) {
    await mkdir(path, { recursive: true });
    if (spool.owner) await chown(path, spool.owner.uid, spool.owner.gid);
    await chmod(path, 0o700);
  }
}

/** How restores are served. */
export interface ServeRestoresOptions {
  readonly spool: Spool;
  /** Brings one file to `dest` (whole and proven), or says that the archive does not have it. */
  readonly fetch: (name: string, dest: string) => Promise<"found" | "missing">;
  readonly segmentBytes?: number;
  /** Segments fetched ahead; 4 unless told. */
  readonly prefetch?: number;
  /** Told of every failure other than "missing"; the request stays unanswered until it is asked again. */
  readonly onFault: (name: string, fault: unknown) => void;
  /** Told of every segment that PostgreSQL has taken. */
  readonly onTaken?: ((name: string) => void) | undefined;
  readonly log: Log;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

/**
 * Answers `restore-wal.sh` until aborted: puts what is wanted into `ready/`, or a mark into `missing/`, and fetches the
 * segments behind it ahead of time. Trouble is never answered with "missing": that would look like the end of the WAL.
 */
export async function serveRestores(options: ServeRestoresOptions): Promise<void> {
  const { spool, signal } = options;
  const under = (dir: (typeof subdirs)[number], name = ""): string => join(spool.dir, dir, name);
  const busy = new Map<string, Promise<"found" | "missing" | "fault">>();
  await emptyDirs(spool, ["want", "missing", "incoming", "taken"]);
  const bring = (name: string): Promise<"found" | "missing" | "fault"> => {
    const running = busy.get(name);
    if (running) return running;
    const work = bringOne(options, name, under("ready", name)).finally(() => busy.delete(name));
    busy.set(name, work);
    return work;
  };
  const answer = async (name: string): Promise<void> => {
    // first, so that a request that comes while this one is answered is seen as another
    await rm(under("want", name), { force: true });
    if ((await bring(name)) === "missing") await leaveMark(under("missing", name));
  };
  const ahead = async (name: string): Promise<void> => {
    options.onTaken?.(name);
    await dropOld(under("ready"), name);
    const segmentBytes = options.segmentBytes ?? usualSegmentBytes;
    let next = name;
    for (let count = options.prefetch ?? 4; count > 0; count -= 1) {
      next = nextSegment(next, segmentBytes);
      if (signal.aborted || (await bring(next)) !== "found") return;
    }
  };
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    for (const name of await readdir(under("taken"))) {
      await rm(under("taken", name), { force: true });
      if (walKind(name) === "segment") void ahead(name).catch((fault: unknown) => options.onFault(name, fault));
    }
    for (const name of await readdir(under("want"))) {
      if (seen.has(name)) continue;
      seen.add(name);
      void answer(name)
        .catch((fault: unknown) => options.onFault(name, fault))
        .finally(() => seen.delete(name));
    }
  };
  await lookWhenChanged([under("want"), under("taken")], look, options.clock ?? systemClock, signal);
  await Promise.allSettled(busy.values());
}

async function bringOne(
  options: ServeRestoresOptions,
  name: string,
  dest: string,
): Promise<"found" | "missing" | "fault"> {
  try {
    const present = (await readdir(join(options.spool.dir, "ready"))).includes(name);
    return present ? "found" : await options.fetch(name, dest);
  } catch (fault) {
    if (!options.signal.aborted) options.onFault(name, fault);
    return "fault";
  }
}

/** Segments before the one just taken are of no use any more. */
async function dropOld(readyDir: string, taken: string): Promise<void> {
  const at = parseSegmentName(taken, usualSegmentBytes);
  for (const name of await readdir(readyDir)) {
    if (walKind(name) !== "segment") continue;
    const other = parseSegmentName(name, usualSegmentBytes);
    if (other.timeline === at.timeline && other.number < at.number) await rm(join(readyDir, name), { force: true });
  }
}

/** How archiving is served. */
export interface ServeArchivingOptions {
  readonly spool: Spool;
  /** Stores the file; resolving means that it is safe. */
  readonly put: (name: string, path: string) => Promise<unknown>;
  readonly onFault: (name: string, fault: unknown) => void;
  readonly onStored?: ((name: string) => void) | undefined;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

/** Stores what `archive-wal.sh` leaves in `outgoing/` until aborted, and tells it through `done/`. */
export async function serveArchiving(options: ServeArchivingOptions): Promise<void> {
  const { spool, signal } = options;
  const busy = new Map<string, Promise<void>>();
  const store = async (name: string): Promise<void> => {
    const path = join(spool.dir, "outgoing", name);
    try {
      await options.put(name, path);
      await rm(path, { force: true });
      await leaveMark(join(spool.dir, "done", name));
      options.onStored?.(name);
    } catch (fault) {
      if (signal.aborted) return;
      options.onFault(name, fault);
      await (options.clock ?? systemClock).sleep(1_000, signal).catch(() => undefined);
    }
  };
  const look = async (): Promise<void> => {
    for (const name of (await readdir(join(spool.dir, "outgoing"))).sort()) {
      if (name.startsWith(".") || busy.has(name)) continue;
      busy.set(
        name,
        store(name).finally(() => busy.delete(name)),
      );
    }
  };
  await lookWhenChanged([join(spool.dir, "outgoing")], look, options.clock ?? systemClock, signal);
  await Promise.allSettled(busy.values());
}

/** Calls `look` whenever one of the directories changes, and every 250 ms in case a notice was lost. */
async function lookWhenChanged(
  dirs: readonly string[],
  look: () => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let wake = new AbortController();
  const watchers = dirs.map((dir) => watch(dir, () => wake.abort()));
  try {
    while (!signal.aborted) {
      wake = new AbortController();
      await look();
      await clock.sleep(250, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}

/** An empty file of ours: the server's user owns the directory, which is all that it needs to take it away. */
async function leaveMark(path: string): Promise<void> {
  await writeFile(path, "");
}

async function emptyDirs(spool: Spool, names: ReadonlyArray<(typeof subdirs)[number]>): Promise<void> {
  for (const dir of names) {
    for (const name of await readdir(join(spool.dir, dir))) await rm(join(spool.dir, dir, name), { force: true });
  }
}
