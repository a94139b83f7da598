import type { Readable } from "node:stream";
import { createDecoder } from "./decoder.ts";
import { sniff, sniffedBytes } from "./sniff.ts";

/**
 * The content of a small object. The end of the compressed stream is checked: a cut or damaged object is an error that
 * names it, even when all that was asked for came out before.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for damage, encryption or an unknown form; errors of `body` as they are.
 */
export async function* decompress(body: Readable, key: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    const { head, rest } = await peek(body);
    const ready: Buffer[] = [];
    const decoder = createDecoder(sniff(key, head), key, (bytes) => void ready.push(Buffer.from(bytes)));
    for await (const chunk of rest) {
      signal?.throwIfAborted();
      decoder.push(chunk);
      yield* ready.splice(0);
    }
    decoder.end();
    yield* ready.splice(0);
  } finally {
    body.destroy();
  }
}

/** The first bytes, and an iterable that still has them. */
async function peek(body: Readable): Promise<{ head: Buffer; rest: AsyncIterable<Buffer> }> {
  const source = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const held: Buffer[] = [];
  let length = 0;
  while (length < sniffedBytes) {
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
