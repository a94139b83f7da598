import { Readable } from "node:stream";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { ObjectInfo, ReadOptions } from "../archive/store/object-store.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Log } from "../log.ts";
import { whyNotTheObject } from "./s3-answer.ts";
import { asStoreFault } from "./s3-errors.ts";

/** A body that is being read, and how to ask for the rest of it. */
export interface BodyOptions {
  readonly first: GetObjectCommandOutput;
  readonly info: ObjectInfo;
  readonly read: ReadOptions;
  readonly fetch: (from: ReadOptions) => Promise<GetObjectCommandOutput>;
  readonly what: string;
  readonly log: Log;
}

/** How often in a row a body may break off without giving a single byte. */
const maxBarrenTries = 4;

/**
 * The object's bytes. The SDK retries only until the body starts; when the body breaks off later the rest is asked for as a range,
 * under the first answer's etag, so that two versions are never mixed.
 */
export function resumingBody(options: BodyOptions): Readable {
  const { signal } = options.read;
  let current = bodyOf(options.first);
  const body = Readable.from(
    chunks(options, (next) => (current = next)),
    { objectMode: false },
  );
  const stop = (): void => void current.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  body.once("close", () => {
    signal?.removeEventListener("abort", stop);
    // given up, perhaps before its first byte was read: the socket would stay taken
    stop();
  });
  return body;
}

async function* chunks(
  { first, info, read, fetch, what, log }: BodyOptions,
  reading: (body: Readable) => void,
): AsyncGenerator<Buffer> {
  let position = read.range?.start ?? 0;
  const end = Math.min(read.range?.end ?? info.sizeBytes - 1, info.sizeBytes - 1);
  let barren = 0;
  let answer: GetObjectCommandOutput | undefined = first;
  while (position <= end) {
    const before = position;
    try {
      if (answer === undefined) {
        const rest: ReadOptions = { range: { start: position, end }, ifMatch: info.etag };
        answer = await fetch(rest);
        const wrong = whyNotTheObject(answer, rest);
        if (wrong !== undefined) {
          bodyOf(answer).destroy();
          throw new DrawbridgeError("DB_CONNECTION", `${what}: ${wrong}`);
        }
      }
      const body = bodyOf(answer);
      reading(body);
      for await (const chunk of body) {
        position += chunk.length;
        yield chunk;
      }
      // a connection that ends early without an error is a broken one too
      if (position <= end) throw new Error(`the body ended ${end + 1 - position} bytes early`);
    } catch (error) {
      if (read.signal?.aborted) throw asStoreFault(read.signal.reason, what);
      const fault = asStoreFault(error, what);
      barren = position > before ? 0 : barren + 1;
      if (fault.code !== "DB_CONNECTION" || barren >= maxBarrenTries) throw fault;
      log.debug({ key: info.key, position }, "the body broke off; asking for the rest");
    }
    answer = undefined;
  }
}

/** The stream of an answer. @throws DrawbridgeError `DB_UNEXPECTED` when the SDK gave something else. */
export function bodyOf(answer: GetObjectCommandOutput): Readable {
  if (answer.Body instanceof Readable) return answer.Body;
  throw new DrawbridgeError("DB_UNEXPECTED", "the SDK gave a body that is no Node stream");
}
