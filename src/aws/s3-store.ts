import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { ObjectInfo, ObjectStore, ReadOptions } from "../archive/store/object-store.ts";
import { DrawbridgeError } from "../errors.ts";
import { type AwsAccess, httpOptions, sdkConfig, socketTimes } from "./access.ts";
import { awsStatus, expiredKeyCodes, isAwsCode } from "./aws-errors.ts";
import { DirectHandler, directly } from "./direct-handler.ts";
import { whyNotListing, whyNotTheObject } from "./s3-answer.ts";
import { bodyOf, resumingBody } from "./s3-body.ts";
import { asStoreFault } from "./s3-errors.ts";

/** Where an archive lies, and how to reach it. */
export interface S3StoreOptions extends AwsAccess {
  readonly bucket: string;
  /** Path inside the bucket; a leading slash is dropped, one trailing slash is added. Empty: the whole bucket. */
  readonly prefix: string;
  /** `host/bucket/key` instead of `bucket.host/key`; true unless told where an `endpoint` is given. */
  readonly forcePathStyle?: boolean | undefined;
  /** How many requests run at once; 50 unless told. */
  readonly maxSockets?: number | undefined;
}

/** An {@link ObjectStore} that owns sockets. */
export interface S3Store extends ObjectStore {
  /** Frees the sockets. */
  close(): void;
}

/** `a/b/` for `/a/b`, as WAL-E reads its prefix. */
export function normalizePrefix(prefix: string): string {
  const bare = prefix.replace(/^\/+/, "").replace(/\/+$/, "");
  return bare === "" ? "" : `${bare}/`;
}

type Call = <T>(what: string, send: (client: S3Client) => Promise<T>) => Promise<T>;

/** One client, made anew with keys read again when AWS says that the old ones have expired. */
function clientHolder(options: S3StoreOptions): { call: Call; close: () => void } {
  const make = (): S3Client =>
    new S3Client({
      ...sdkConfig(options),
      requestHandler: new DirectHandler(httpOptions(options.maxSockets ?? 50), socketTimes),
      forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
      // ranges are never validated anyway, and other servers do not know CRC trailers
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  let client = make();
  const call: Call = async (what, send) => {
    const used = client;
    try {
      return await send(used);
    } catch (error) {
      if (!isAwsCode(error, ...expiredKeyCodes)) throw asStoreFault(error, what);
      options.log.info({ bucket: options.bucket }, "archive keys have expired; reading them again");
      // other bodies may still be read through the old client: its sockets close by themselves when idle
      if (client === used) client = make();
    }
    try {
      return await send(client);
    } catch (error) {
      throw asStoreFault(error, what);
    }
  };
  return { call, close: () => client.destroy() };
}

/**
 * An archive in S3. Keys are relative to `prefix`. Reads go on by themselves when a body breaks off; writes are repeated whole.
 * Errors as {@link ObjectStore} says.
 */
export function openS3Store(options: S3StoreOptions): S3Store {
  const { bucket: Bucket } = options;
  const prefix = normalizePrefix(options.prefix);
  const { call, close } = clientHolder(options);
  const at = (key: string): { Bucket: string; Key: string } => ({ Bucket, Key: prefix + key });
  const named = (verb: string, key: string): string => `${verb} s3://${Bucket}/${prefix}${key}`;
  return {
    close,
    list: (under, listOptions) =>
      listObjects({ call, Bucket, prefix, under, ...listOptions, what: named("list", under) }),
    head: async (key, signal) => {
      const answer = await orMissing(
        call(named("head", key), (c) => c.send(new HeadObjectCommand(at(key)), sending(signal))),
      );
      return answer && infoOf(key, answer);
    },
    get: async (key, read = {}) => {
      const fetch = (from: ReadOptions): Promise<GetObjectCommandOutput> =>
        call(named("get", key), (c) =>
          c.send(new GetObjectCommand({ ...at(key), ...conditions(from) }), reading(read.signal, from)),
        );
      const answer = await orMissing(fetch(read));
      if (answer === undefined) return undefined;
      const info = infoOf(key, answer);
      const wrong = whyNotTheObject(answer, read);
      if (wrong !== undefined) {
        if (answer.Body instanceof Readable) answer.Body.destroy();
        // a proxy's page may be gone the next time; when it is not, it is the archive that is invalid
        throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${named("get", key)}: ${wrong}`, { outcome: "retryable" });
      }
      if (read.whenBroken === "fail") return { info, body: bodyOf(answer) };
      return {
        info,
        body: resumingBody({ first: answer, info, read, fetch, what: named("get", key), log: options.log }),
      };
    },
    put: async (key, body, signal) => {
      const send = (Body: Buffer | Readable, ContentLength: number): Promise<unknown> =>
        call(named("put", key), (c) =>
          c.send(new PutObjectCommand({ ...at(key), Body, ContentLength }), sending(signal)),
        );
      if (Buffer.isBuffer(body)) await send(body, body.length);
      else await putSpooled(body, send, signal);
    },
    delete: async (key) => {
      await orMissing(call(named("delete", key), (c) => c.send(new DeleteObjectCommand(at(key)))));
    },
  };
}

interface Listing {
  readonly call: Call;
  readonly Bucket: string;
  readonly prefix: string;
  readonly under: string;
  readonly startAfter?: string;
  readonly signal?: AbortSignal;
  readonly what: string;
}

async function* listObjects(listing: Listing): AsyncIterable<ObjectInfo> {
  const { call, Bucket, prefix, under, startAfter, signal, what } = listing;
  let token: string | undefined;
  do {
    const page = await call(what, (c) => {
      const input = {
        Bucket,
        Prefix: prefix + under,
        ...(token === undefined ? {} : { ContinuationToken: token }),
        ...(startAfter === undefined ? {} : { StartAfter: prefix + startAfter }),
      };
      return c.send(new ListObjectsV2Command(input), sending(signal));
    });
    const wrong = whyNotListing(page);
    if (wrong !== undefined) throw new DrawbridgeError("DB_CONNECTION", `${what}: ${wrong}`);
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
      if (Key === undefined) continue;
      yield infoOf(Key.slice(prefix.length), { ContentLength: Size, ETag, LastModified });
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** A stream has no known length and cannot be sent twice, so it is laid on disk first, as WAL-E does with its parts. */
async function putSpooled(
  body: Readable,
  send: (body: Readable, length: number) => Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "drawbridge-put-"));
  const file = join(directory, "object");
  try {
    await pipeline(body, createWriteStream(file), ...(signal ? [{ signal }] : []));
    const { size } = await stat(file);
    await repeatedly(async () => {
      const stream = createReadStream(file);
      try {
        await send(stream, size);
      } finally {
        stream.destroy();
      }
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Streams are not retried by the SDK: three tries of our own for what time can heal. */
async function repeatedly(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 3 || !(error instanceof DrawbridgeError) || error.code !== "DB_CONNECTION") throw error;
    }
  }
}

async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (isAwsCode(cause, "NoSuchKey", "NotFound") && awsStatus(cause) === 404) return undefined;
    throw error;
  }
}

function conditions({ range, ifMatch }: ReadOptions): { Range?: string; IfMatch?: string } {
  return {
    ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end ?? ""}` }),
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
  };
}

function sending(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function reading(signal: AbortSignal | undefined, { whenBroken }: ReadOptions): { abortSignal?: AbortSignal } {
  return { ...sending(signal), ...(whenBroken === "fail" ? directly : {}) };
}

interface ObjectFacts {
  readonly ContentLength?: number | undefined;
  readonly ContentRange?: string | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

/** The whole object's facts, also from an answer to a range request (`Content-Range: bytes 0-9/1234`). */
function infoOf(key: string, facts: ObjectFacts): ObjectInfo {
  const total = facts.ContentRange?.split("/")[1];
  return {
    key,
    sizeBytes: total === undefined ? (facts.ContentLength ?? 0) : Number(total),
    etag: facts.ETag ?? "",
    lastModified: facts.LastModified ?? new Date(0),
  };
}
