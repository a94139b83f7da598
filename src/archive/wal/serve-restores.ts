import { readdir, rm, unlink } from "node:fs/promises";
import { systemClock, type Clock } from "../../clock.ts";
import { DrawbridgeError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { timelineOf } from "../format/timeline-history.ts";
import { walKind } from "../format/wal-names.ts";
import { lookWhenChanged } from "./look-when-changed.ts";
import { inheritPlaced } from "./place-segment.ts";
import { Prefetcher, readySegments } from "./prefetcher.ts";
import { proveEnd } from "./prove-end.ts";
import { pruneKept } from "./prune-kept.ts";
import {
  claimSpool,
  emptySpool,
  inSpool,
  isOfThisBoot,
  leaveNote,
  markBoot,
  releaseSpool,
  type Spool,
} from "./spool.ts";
import { TakenWatch } from "./taken-watch.ts";
import type { WalSource } from "./wal-source.ts";

/**
 * What the server does with the end of the WAL. `standby`: it waits there, so any trouble may look like the end for a
 * while. `recover-to-end`: it opens there, so only a proven end may look like it, and all other trouble stops it.
 */
export type RestoreMode = "standby" | "recover-to-end";

/** How restores are served. */
export interface ServeRestoresOptions {
  readonly spool: Spool;
  readonly source: WalSource;
  readonly mode: RestoreMode;
  /** The server's `pg_wal`, on the spool's file system: a standby then finds there what has been fetched well ahead of it. */
  readonly walDir?: string | undefined;
  /** Bytes of segments that may lie ready ahead of PostgreSQL; 1 GiB unless told. */
  readonly budgetBytes?: number | undefined;
  /** How long trouble is met with further tries before PostgreSQL is told; 20 s unless told. */
  readonly troubleMs?: number | undefined;
  /** Told of every failure to bring what PostgreSQL waits for. */
  readonly onFault: (name: string, fault: unknown) => void;
  /** Told of every request that was answered from the archive without trouble. */
  readonly onAnswered?: ((name: string, answer: "found" | "missing") => void) | undefined;
  /** Told of every segment that PostgreSQL has taken. */
  readonly onTaken?: ((name: string) => void) | undefined;
  readonly log: Log;
  readonly clock?: Clock | undefined;
  readonly signal: AbortSignal;
}

/** `restore_command`'s other half, while it lives. */
export interface RestoreService {
  /** Starts to fetch from `segment` on, before PostgreSQL asks: WAL comes while a base backup still downloads. */
  startAt(segment: string): void;
  /** When PostgreSQL asked last. */
  lastAskedAt(): Date;
  /** Resolves after the signal, when nothing is under way any more. @throws what broke the spool itself. */
  readonly ended: Promise<void>;
}

/**
 * Answers `restore-wal.sh` until aborted, and keeps ahead of it. Trouble is tried again for a while; a standby is then told
 * "not there", which makes it ask again, and a server that would open at the end is stopped.
 * @throws DrawbridgeError `DB_CONFIG` when another process serves the spool.
 */
export async function serveRestores(options: ServeRestoresOptions): Promise<RestoreService> {
  const { spool } = options;
  if (!(await claimSpool(spool))) {
    throw new DrawbridgeError("DB_CONFIG", `another process serves the spool ${spool.dir}`);
  }
  options.source.warm(options.signal);
  const service = new Service(options);
  await service.takeOver();
  return {
    startAt: (segment) => service.prefetcher.startAt(segment),
    lastAskedAt: () => service.lastAskedAt,
    ended: service.run(),
  };
}

/** Longest pause between two tries. */
const longestPauseMs = 5_000;
/** How often it is seen to what no notice has told. */
const sweepMs = 900;

class Service {
  readonly prefetcher: Prefetcher;
  lastAskedAt: Date;
  readonly #options: ServeRestoresOptions;
  readonly #clock: Clock;
  readonly #takenWatch: TakenWatch;
  /** Names that are being answered, with the processes that wait for them. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #answered: string[] = [];
  /** Who asked for what has not been taken yet, and who has had it: a slow client may leave its question behind. */
  readonly #askers = new Map<string, Set<string>>();
  #served: string[] = [];
  #takenSincePruned = 0;
  #sweptAtMs = 0;

  constructor(options: ServeRestoresOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.lastAskedAt = this.#clock.now();
    // one listing then serves a standby's polls for the next segment and the next history
    const missFreshMs = options.mode === "standby" ? 400 : 0;
    // the end of a recovery is told by what is not there: its server shall find nothing beside what it was given
    const walDir = options.mode === "standby" ? options.walDir : undefined;
    const onReady = (name: string): void => this.#takenWatch.look(name);
    this.prefetcher = new Prefetcher({ ...options, walDir, clock: this.#clock, missFreshMs, onReady });
    const { ready } = this.prefetcher;
    this.#takenWatch = new TakenWatch({ spool: options.spool, ready, onTaken: (name) => this.#taken(name) });
  }

  /** Goes on with what an earlier courier left; who waits since then is answered. */
  async takeOver(): Promise<void> {
    const { spool } = this.#options;
    await emptySpool(spool, ["answer", "took"]);
    await inheritPlaced(spool);
    const left = await readySegments(spool);
    if (await isOfThisBoot(spool)) await this.prefetcher.adopt(left);
    else await emptySpool(spool, ["ready", "kept"]);
    await markBoot(spool);
  }

  async run(): Promise<void> {
    const { spool, signal } = this.#options;
    this.#takenWatch.start();
    try {
      const look = (): Promise<void> => this.#look();
      await lookWhenChanged({ dirs: [inSpool(spool, "want")], look, clock: this.#clock, signal });
    } finally {
      this.#takenWatch.close();
      await this.prefetcher.settle();
      // the directory may be gone: then so is the claim
      await releaseSpool(spool);
    }
  }

  async #look(): Promise<void> {
    const { spool } = this.#options;
    for (const want of await readdir(inSpool(spool, "want"))) {
      this.lastAskedAt = this.#clock.now();
      // taking it away says that somebody is here
      await unlink(inSpool(spool, "want", want)).catch(() => undefined);
      const at = want.lastIndexOf(".");
      if (at > 0) this.#ask(want.slice(0, at), want);
    }
    const nowMs = this.#clock.now().getTime();
    if (nowMs - this.#sweptAtMs < sweepMs) return;
    this.#sweptAtMs = nowMs;
    await this.#takenWatch.sweep();
    this.prefetcher.tick();
  }

  #ask(name: string, ticket: string): void {
    if (this.#served.includes(ticket)) return;
    // before the question: a note that comes later is of who asks now
    this.#takenWatch.readNote(name);
    this.#askers.set(name, (this.#askers.get(name) ?? new Set()).add(ticket));
    const waiting = this.#waiting.get(name);
    if (waiting) {
      waiting.add(ticket);
      return;
    }
    this.#waiting.set(name, new Set([ticket]));
    this.#answer(name)
      .catch((fault: unknown) => this.#options.onFault(name, fault))
      .finally(() => this.#waiting.delete(name));
  }

  async #answer(name: string): Promise<void> {
    const { mode, signal, onFault, onAnswered, troubleMs = 20_000 } = this.#options;
    const untilMs = this.#clock.now().getTime() + troubleMs;
    for (let pauseMs = 250; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        if (await this.prefetcher.want(name)) {
          onAnswered?.(name, "found");
          return;
        }
        if (mode === "standby" || (await this.#isEnd(name))) {
          onAnswered?.(name, "missing");
          await this.#reply(name, 1);
          return;
        }
      } catch (fault) {
        if (signal.aborted) return;
        onFault(name, fault);
        const isFinal = fault instanceof DrawbridgeError && fault.code === "DB_ARCHIVE_INVALID";
        const isOver = this.#clock.now().getTime() + pauseMs > untilMs;
        if (isOver || (isFinal && mode === "recover-to-end")) {
          await this.#reply(name, mode === "standby" ? 1 : 255);
          return;
        }
      }
      await this.#clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** Whether a missing file really is the end. PostgreSQL asks for histories, its own included, which need not exist. */
  async #isEnd(name: string): Promise<boolean> {
    const { source, signal } = this.#options;
    const { position } = this.prefetcher;
    const isNewer = position === undefined || timelineOf(name) > timelineOf(position);
    if (walKind(name) === "history" && !isNewer) return true;
    return proveEnd(source, name, signal);
  }

  async #reply(name: string, status: 1 | 255): Promise<void> {
    const { spool } = this.#options;
    this.#askers.delete(name);
    for (const ticket of this.#waiting.get(name) ?? []) {
      await leaveNote(inSpool(spool, "answer", ticket), `${status}\n`);
      this.#answered.push(ticket);
    }
    // whoever asked has long read the old ones
    for (const old of this.#answered.splice(0, this.#answered.length - 64)) {
      await rm(inSpool(spool, "answer", old), { force: true });
    }
  }

  #taken(name: string): void {
    const { spool, source, onTaken } = this.#options;
    this.lastAskedAt = this.#clock.now();
    this.#served = [...this.#served, ...(this.#askers.get(name) ?? [])].slice(-64);
    this.#askers.delete(name);
    this.prefetcher.taken(name);
    onTaken?.(name);
    this.#takenSincePruned += 1;
    const { segmentBytes } = source.known();
    if (this.#takenSincePruned < 16 || segmentBytes === undefined) return;
    this.#takenSincePruned = 0;
    void pruneKept(spool, name, segmentBytes).catch(() => undefined);
  }
}
