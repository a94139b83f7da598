import { renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { walKind } from "../format/wal-names.ts";
import type { Decoded } from "./decode-job.ts";
import { placeSegments, recallSegment, withdrawSegment } from "./place-segment.ts";
import { inSpool, type Spool } from "./spool.ts";
import type { FetchOptions, WalSource } from "./wal-source.ts";

/** Where files are handed over, and where they come from. */
export interface HandOverOptions {
  readonly spool: Spool;
  readonly source: WalSource;
  /** `pg_wal` of a standby; absent: PostgreSQL itself moves every segment there. */
  readonly walDir?: string | undefined;
  /** How old a listing may be that tells PostgreSQL that a file is not there, in milliseconds. */
  readonly missFreshMs: number;
  readonly signal: AbortSignal;
}

/** How one file is handed over. */
export interface Manner {
  /** Whether PostgreSQL waits for it: then it gets it as soon as it is whole, and syncs it itself. */
  readonly isAwaited: boolean;
  /** Whether it may be the one that PostgreSQL has in `pg_wal` already. */
  readonly recall: boolean;
}

/** A file that PostgreSQL can have. */
export interface HandedOver {
  /** Where it is taken from. */
  readonly path: string;
  /** Of a history file: its text. */
  readonly history: string | undefined;
}

/** Brings files to where PostgreSQL finds them: `ready/`, or its own `pg_wal`. Not to be called twice at once for one name. */
export class HandOver {
  readonly #options: HandOverOptions;
  /** Not taken yet, and PostgreSQL's own: it had them before, and may need them without us. */
  readonly #recalled = new Set<string>();
  #hasServer = false;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Brings one file; `undefined`: the archive does not have it. @throws DrawbridgeError as `WalSource.fetch` does. */
  async bring(name: string, { isAwaited, recall }: Manner): Promise<HandedOver | undefined> {
    const { spool, walDir } = this.#options;
    const ready = inSpool(spool, "ready", name);
    const byHand = (found: Decoded | undefined): HandedOver | undefined =>
      found && { path: ready, history: found.history };
    if (walKind(name) !== "segment") return byHand(await this.#fetch(name, ready));
    if (walDir === undefined) return byHand(await this.#fetch(name, ready, { keepDir: inSpool(spool, "kept") }));
    const placed = { path: inSpool(spool, "placed", name), history: undefined };
    // what was restored stays in pg_wal for as long as a server that is started again asks for it
    if (recall && (await recallSegment({ spool, walDir }, name, this.#options.source))) {
      this.#recalled.add(name);
      return placed;
    }
    if (isAwaited) return byHand(await this.#fetch(name, ready));
    if (!this.#hasServer) return byHand(await this.#fetch(name, ready, { sync: true }));
    const found = await this.#fetch(name, placed.path, { sync: true, place: { spool, walDir } });
    return found?.isPlaced === true ? placed : byHand(found);
  }

  /** There is no server yet, or it will be another one: what is fetched from now on lies ready until one asks. */
  awaitServer(): void {
    this.#hasServer = false;
  }

  /** A server asks, so its `pg_wal` is there. */
  meetServer(): void {
    this.#hasServer = true;
  }

  /** Puts what lies ready, each with its path, into the server's `pg_wal` if there is one, but for what is `awaited`. */
  placeReady(ready: Map<string, string>, awaited: ReadonlySet<string>): void {
    const { spool, walDir } = this.#options;
    if (walDir === undefined || !this.#hasServer) return;
    const moved: string[] = [];
    for (const [name, path] of ready) {
      if (awaited.has(name) || this.isPlaced(name, path)) continue;
      try {
        renameSync(path, inSpool(spool, "placed", name));
        moved.push(name);
      } catch {
        // PostgreSQL takes it at this moment
      }
    }
    for (const name of placeSegments({ spool, walDir }, moved)) ready.set(name, inSpool(spool, "placed", name));
  }

  /** Whether PostgreSQL is sent to `pg_wal` for it. */
  isPlaced(name: string, path: string | undefined): boolean {
    return path === inSpool(this.#options.spool, "placed", name);
  }

  /**
   * PostgreSQL has asked for what lies in `pg_wal`, so it does not find it there: from now on it gets it by hand. Gives the new path, at
   * once: who looks in between for what is gone from the old one would take it for taken.
   */
  unplace(name: string): string {
    const { spool } = this.#options;
    const ready = inSpool(spool, "ready", name);
    renameSync(inSpool(spool, "placed", name), ready);
    return ready;
  }

  /** PostgreSQL has it. */
  taken(name: string): void {
    this.#recalled.delete(name);
  }

  /** Takes back what nobody will ask for: out of `pg_wal` as well, but for what PostgreSQL had there before, or `mayBeRead`. */
  async withdraw(name: string, path: string, mayBeRead: boolean): Promise<void> {
    const { spool, walDir } = this.#options;
    const isOwn = this.#recalled.delete(name) || mayBeRead;
    if (walDir === undefined || isOwn || !this.isPlaced(name, path)) await rm(path, { force: true });
    else await withdrawSegment({ spool, walDir }, name);
  }

  async #fetch(
    name: string,
    dest: string,
    how: Pick<FetchOptions, "keepDir" | "sync" | "place"> = {},
  ): Promise<Decoded | undefined> {
    const { source, missFreshMs: freshMs, signal } = this.#options;
    return source.fetch(name, dest, { ...how, freshMs, signal });
  }
}
