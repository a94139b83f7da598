import { existsSync, rmSync, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { inSpool, type Spool } from "./spool.ts";

/** What is watched, and who is told. */
export interface TakenWatchOptions {
  readonly spool: Spool;
  /** Segments that lie ready, each with the path that it is taken from. Whoever is told of one removes it from here. */
  readonly ready: ReadonlyMap<string, string>;
  readonly onTaken: (name: string) => void;
}

/** Notices which segments PostgreSQL has taken: out of `ready/`, or, as a note in `took/` says, by its own `pg_wal`. */
export class TakenWatch {
  readonly #options: TakenWatchOptions;
  #close = (): void => undefined;

  constructor(options: TakenWatchOptions) {
    this.#options = options;
  }

  /** Begins to listen. A directory that is removed under us is told by whoever else looks into it. */
  start(): void {
    const { spool } = this.#options;
    const watchers = [
      watch(inSpool(spool, "ready"), (_, name) => this.look(name ?? "")),
      watch(inSpool(spool, "took"), (_, name) => this.readNote(name ?? "")),
    ];
    for (const watcher of watchers) watcher.on("error", () => undefined);
    this.#close = () => {
      for (const watcher of watchers) watcher.close();
    };
  }

  close(): void {
    this.#close();
  }

  /** Looks at everything: a notice may be lost. */
  async sweep(): Promise<void> {
    const { spool, ready } = this.#options;
    for (const name of await readdir(inSpool(spool, "took"))) this.readNote(name);
    for (const name of ready.keys()) this.look(name);
  }

  /** Looks whether one segment is still there. */
  look(name: string): void {
    const path = this.#options.ready.get(name);
    if (path !== undefined && !existsSync(path)) this.#options.onTaken(name);
  }

  /** A note says that PostgreSQL was sent to `pg_wal`: what is left of the segment here has served, wherever it lies by now. */
  readNote(name: string): void {
    const { spool, ready, onTaken } = this.#options;
    const took = inSpool(spool, "took", name);
    if (name === "" || !existsSync(took)) return;
    rmSync(took, { force: true });
    // also where we have not heard yet that it lies there: whoever hears of it then sees that it is gone
    rmSync(inSpool(spool, "placed", name), { force: true });
    const path = ready.get(name);
    if (path === undefined) return;
    // taken back to be given by hand, while whoever had asked for that was sent to pg_wal after all
    rmSync(path, { force: true });
    onTaken(name);
  }
}
