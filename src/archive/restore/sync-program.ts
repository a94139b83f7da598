import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { ifThere } from "../host/if-there.ts";
import { processStart } from "../host/process-start.ts";

/**
 * Syncs the file systems of its arguments for each number that it reads; answers with what was said and the status. First of all it
 * leaves the status in a file: whoever asked may be gone by then, and the kernel tells a failure once only.
 */
const script =
  'verdict=$1; shift; while read -r n; do sync -f "$@" 2>&1; s=$?; echo "$$ $n $s" > "$verdict"; echo "= $s"; done';
const lastLine = /^= (\d+)$/;

/** What `sync` answered. */
export interface SyncAnswer {
  readonly status: number;
  readonly said: string;
}

/** One sync among all: the shell that runs it, and the how manieth it is there. */
export interface SyncName {
  readonly pid: number;
  /** When the shell began, as {@link processStart} tells it. */
  readonly start: string;
  readonly number: number;
}

/** Who waits for an answer. */
interface Asked {
  readonly resolve: (answer: SyncAnswer) => void;
  readonly reject: (fault: unknown) => void;
}

/**
 * One shell for all syncs of a restore, started while the restore is small: Node starts a program from a copy of itself, which
 * takes 13 ms for each 150 MB that it holds, and counts as memory a second time for as long. A sync that nobody waits for any more, be
 * it that it was stopped or that we were killed, goes on to its end and leaves its verdict.
 */
export class SyncProgram implements Disposable {
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>;
  #start = "";
  #number = 0;
  #said: string[] = [];
  #asked: Asked | undefined;
  #hasEnded = false;

  private constructor(paths: readonly string[], verdictPath: string) {
    // a process group of its own: what the terminal sends to ours is not meant for a sync
    this.#shell = spawn("/bin/sh", ["-c", script, "sh", verdictPath, ...paths], {
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
    });
    this.#shell.on("error", () => this.#end());
    if (this.#shell.pid === undefined) return;
    // not "exit": the last answer may still be on its way then
    this.#shell.on("close", () => this.#end());
    this.#shell.stdin.on("error", () => this.#end());
    createInterface({ input: this.#shell.stdout }).on("line", (line) => this.#hear(line));
  }

  /** `paths`: one in each file system. `verdictPath`: see {@link readVerdict}. */
  static async start(paths: readonly string[], verdictPath: string): Promise<SyncProgram> {
    const program = new SyncProgram(paths, verdictPath);
    program.#start = (await processStart(program.#shell.pid ?? 0)) ?? "";
    return program;
  }

  /** Whether nothing can be asked any more. */
  get hasEnded(): boolean {
    return this.#hasEnded || this.#shell.pid === undefined;
  }

  /** The name that the next sync will have. */
  get next(): SyncName {
    return { pid: this.#shell.pid ?? 0, start: this.#start, number: this.#number + 1 };
  }

  /** One sync; one at a time. @throws Error when the shell is gone; the signal's reason when stopped: the sync itself goes on. */
  async ask(signal: AbortSignal | undefined): Promise<SyncAnswer> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<SyncAnswer>();
    const stop = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    this.#asked = { resolve, reject };
    this.#number += 1;
    if (this.hasEnded) this.#end();
    else this.#shell.stdin.write(`${this.#number}\n`);
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#asked = undefined;
    }
  }

  /** It ends when nothing more can be asked, as it does when we are killed; nobody waits for it. */
  [Symbol.dispose](): void {
    if (this.hasEnded) return;
    this.#shell.stdin.end();
    this.#shell.stdout.destroy();
    this.#shell.unref();
  }

  #hear(line: string): void {
    const status = lastLine.exec(line)?.[1];
    if (status === undefined) return void this.#said.push(line);
    const said = this.#said.join("; ");
    this.#said = [];
    this.#asked?.resolve({ status: Number(status), said });
  }

  #end(): void {
    this.#hasEnded = true;
    this.#asked?.reject(new Error("the shell that runs sync has ended"));
  }
}

/** What became of a sync: `under way` as long as its shell lives and has not left a verdict. */
export async function readVerdict(
  verdictPath: string,
  { pid, start, number }: SyncName,
): Promise<"taken" | "not taken" | "under way"> {
  // asked first: what it leaves before it ends must not be missed
  const isAlive = (await processStart(pid)) === start;
  const verdict = (await ifThere(readFile(verdictPath, "utf8")))?.trim();
  if (verdict === `${pid} ${number} 0`) return "taken";
  return isAlive && verdict?.startsWith(`${pid} ${number} `) !== true ? "under way" : "not taken";
}
