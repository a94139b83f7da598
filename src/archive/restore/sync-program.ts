import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Syncs the file systems of its arguments for each line that it reads; answers with what was said and the status. */
const script = 'while read -r _; do sync -f "$@" 2>&1; echo "= $?"; done';
const lastLine = /^= (\d+)$/;

/** What `sync` answered. */
export interface SyncAnswer {
  readonly status: number;
  readonly said: string;
}

/** Who waits for an answer. */
interface Asked {
  readonly resolve: (answer: SyncAnswer) => void;
  readonly reject: (fault: unknown) => void;
}

/**
 * One shell for all syncs of a restore, started while the restore is small: Node starts a program from a copy of itself, which
 * takes 13 ms for each 150 MB that it holds, and counts as memory a second time for as long.
 */
export class SyncProgram implements Disposable {
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>;
  #said: string[] = [];
  #asked: Asked | undefined;
  #hasEnded = false;

  /** `paths`: one in each file system. */
  constructor(paths: readonly string[]) {
    // a process group of its own: a sync that is stopped has to be stopped with its shell
    this.#shell = spawn("/bin/sh", ["-c", script, "sh", ...paths], {
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
    });
    this.#shell.on("error", () => this.#end());
    this.#shell.on("exit", () => this.#end());
    this.#shell.stdin.on("error", () => this.#end());
    createInterface({ input: this.#shell.stdout }).on("line", (line) => this.#hear(line));
  }

  /** One sync; one at a time. @throws Error when the shell is gone; the signal's reason when stopped, which ends it. */
  async ask(signal: AbortSignal | undefined): Promise<SyncAnswer> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<SyncAnswer>();
    const stop = (): void => {
      reject(signal?.reason);
      this.#kill();
    };
    signal?.addEventListener("abort", stop, { once: true });
    this.#asked = { resolve, reject };
    if (this.#hasEnded) this.#end();
    else this.#shell.stdin.write("\n");
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#asked = undefined;
    }
  }

  /** It ends when nothing more can be asked, as it does when we are killed. */
  [Symbol.dispose](): void {
    this.#shell.stdin.end();
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

  #kill(): void {
    if (this.#hasEnded || this.#shell.pid === undefined) return;
    process.kill(-this.#shell.pid, "SIGKILL");
  }
}
