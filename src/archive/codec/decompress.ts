import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";

/** How an object is compressed. */
export type Compression = "lzop" | "lz4" | "zstd" | "brotli" | "gzip" | "none";

const byExtension: Readonly<Record<string, Compression>> = {
  lzo: "lzop",
  lz4: "lz4",
  zst: "zstd",
  br: "brotli",
  gz: "gzip",
};

const byMagic: ReadonlyArray<readonly [string, Compression]> = [
  ["894c5a4f000d0a1a0a", "lzop"],
  ["04224d18", "lz4"],
  ["28b52ffd", "zstd"],
  ["1f8b", "gzip"],
];

/** Extensions an archive may use, in the order in which they are looked for. */
export const compressedExtensions: readonly string[] = Object.keys(byExtension);

/** What follows the name proper: `part_00000000.tar.lzo` → `lzo`, nothing for a plain object. */
export function compressionByName(key: string): Compression {
  return byExtension[key.slice(key.lastIndexOf(".") + 1)] ?? "none";
}

/** What the first bytes say; `undefined` when they say nothing (brotli and plain content have no mark). */
export function compressionByMagic(head: Buffer): Compression | undefined {
  const hex = head.toString("hex", 0, 9);
  return byMagic.find(([magic]) => hex.startsWith(magic))?.[1];
}

/**
 * The object's content. The end of the compressed stream is checked: a cut or damaged object is an error that names it,
 * even when all that was asked for came out before.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for damage, encryption or an unknown form; errors of `body` as they are.
 */
export async function* decompress(body: Readable, key: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    const { head, rest } = await peek(body);
    const compression = decide(key, head);
    if (compression === "none") {
      yield* rest;
      return;
    }
    yield* throughFilter(rest, key, compression, signal);
  } finally {
    body.destroy();
  }
}

function decide(key: string, head: Buffer): Compression {
  const named = compressionByName(key);
  const marked = compressionByMagic(head);
  if (marked === undefined && (named === "brotli" || named === "none")) return named;
  if (marked !== undefined && (marked === named || named === "none")) return marked;
  if (marked !== undefined) return marked; // the tool changed, the name did not: believe the bytes
  if (isOpenPgp(head)) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is encrypted with OpenPGP; ask for an archive without it`);
  }
  const shown = head.length === 0 ? "it is empty" : `it starts with ${head.toString("hex", 0, 8)}`;
  throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is not ${named} data: ${shown}`);
}

function isOpenPgp(head: Buffer): boolean {
  return [0x84, 0x85, 0x8c, 0xc1].includes(head[0] ?? 0);
}

/** The first bytes, and an iterable that still has them. */
async function peek(body: Readable): Promise<{ head: Buffer; rest: AsyncIterable<Buffer> }> {
  const source = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const held: Buffer[] = [];
  let length = 0;
  while (length < 9) {
    const next = await source.next();
    if (next.done === true) break;
    held.push(next.value);
    length += next.value.length;
  }
  const head = Buffer.concat(held);
  const rest = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  };
  return { head, rest: rest() };
}

/** What stands between compressed and plain bytes: a process, or a transform of node:zlib. */
interface Filter {
  readonly input: NodeJS.WritableStream;
  readonly output: AsyncIterable<Buffer>;
  /** Resolves when all went well, rejects otherwise. */
  readonly finished: Promise<void>;
  stop(): void;
}

async function* throughFilter(
  rest: AsyncIterable<Buffer>,
  key: string,
  compression: Exclude<Compression, "none">,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const filter = openFilter(compression);
  let sourceFault: unknown;
  const guarded = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* rest;
    } catch (cause) {
      sourceFault = cause;
      throw cause;
    }
  };
  const feeding = pipeline(guarded(), filter.input, signal ? { signal } : {});
  feeding.catch(() => filter.stop());
  filter.finished.catch(() => undefined);
  try {
    yield* filter.output;
    await feeding;
    await filter.finished;
  } catch (cause) {
    signal?.throwIfAborted();
    if (sourceFault !== undefined) throw asDrawbridgeError(sourceFault);
    if (cause instanceof DrawbridgeError) throw cause;
    const said = await filter.finished.then(
      () => cause,
      (fault: unknown) => fault,
    );
    if (said instanceof DrawbridgeError) throw said;
    const words = said instanceof Error ? said.message : String(said);
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is damaged (${compression}): ${words}`, { cause: said });
  } finally {
    filter.stop();
  }
}

function openFilter(compression: Exclude<Compression, "none">): Filter {
  if (compression === "lzop") return processFilter("lzop", ["-dc"]);
  if (compression === "lz4") return processFilter("lz4", ["-dc"]);
  if (compression === "zstd") return zlibFilter(createZstdDecompress());
  return zlibFilter(compression === "brotli" ? createBrotliDecompress() : createGunzip());
}

function zlibFilter(transform: Duplex): Filter {
  // a cut stream raises "unexpected end of file" on the transform itself, which its reader sees
  return { input: transform, output: transform, finished: Promise.resolve(), stop: () => transform.destroy() };
}

function processFilter(command: string, args: readonly string[]): Filter {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => (words = (words + chunk.toString()).slice(-500)));
  child.stdin.on("error", () => undefined); // EPIPE when it gave up; its exit status says why
  const finished = once(child, "close").then(
    ([status]: unknown[]) => {
      // lzop ends with 1 for damage and 2 for garbage behind the end: neither is content that we may use
      if (status !== 0) throw new Error(`${command} ended with ${String(status)}: ${words.trim()}`);
    },
    (cause: unknown) => {
      throw new DrawbridgeError(
        "DB_CONFIG",
        `the program ${command} cannot be started; install the package ${command}`,
        { cause },
      );
    },
  );
  return { input: child.stdin, output: child.stdout, finished, stop: () => void child.kill("SIGKILL") };
}
