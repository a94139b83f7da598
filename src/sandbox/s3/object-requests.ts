import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { checkBody, dechunk } from "./chunked-body.ts";
import type { S3Faults } from "./faults.ts";
import { escapeXml, refuse } from "./http.ts";
import { isSafeKey, type ObjectFiles, type StoredObject } from "./object-files.ts";
import type { Refusal, SandboxKeys } from "./sigv4.ts";

/** One request to the S3 stand-in, its signature checked. */
export interface S3Request {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly keys: SandboxKeys;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly files: ObjectFiles;
  readonly faults: S3Faults;
  /** Chance in [0, 1) for faults. */
  readonly chance: () => number;
}

const noSuchKey: Refusal = { status: 404, code: "NoSuchKey", message: "The specified key does not exist." };
const denied: Refusal = { status: 403, code: "AccessDenied", message: "Access Denied" };

/** Serves one request: ListObjectsV2, or GET, HEAD, PUT, DELETE of an object. */
export async function serveObject(r: S3Request): Promise<void> {
  const { bucket, key, query, request, response, files } = r;
  const target = key === "" ? `${bucket}/${query.get("prefix") ?? ""}` : `${bucket}/${key}`;
  if (r.keys.allowPrefixes && !r.keys.allowPrefixes.some((allowed) => target.startsWith(allowed)))
    return refuse(response, denied);
  if (!(await files.hasBucket(bucket))) {
    return refuse(response, { status: 404, code: "NoSuchBucket", message: "The specified bucket does not exist" });
  }
  if (request.method === "GET" && key === "" && query.get("list-type") === "2") return list(r);
  if (request.method === "HEAD" && key === "") return void response.writeHead(200).end();
  if (key === "")
    return refuse(response, {
      status: 501,
      code: "NotImplemented",
      message: "of the bucket's own calls only ListObjectsV2",
    });
  if (request.method === "GET" || request.method === "HEAD") return read(r);
  if (request.method === "PUT") return store(r);
  if (request.method !== "DELETE")
    return refuse(response, { status: 405, code: "MethodNotAllowed", message: "not served here" });
  await files.remove(bucket, key);
  response.writeHead(204).end();
}

function isHidden({ key, lastModified }: StoredObject, faults: S3Faults): boolean {
  const forMs = faults.hideNewWal?.forMs ?? 0;
  return /(^|\/)wal_005\//.test(key) && Date.now() - lastModified.getTime() < forMs;
}

async function list({ bucket, query, response, files, faults }: S3Request): Promise<void> {
  const prefix = query.get("prefix") ?? "";
  const token = query.get("continuation-token");
  const after = token === null ? (query.get("start-after") ?? "") : Buffer.from(token, "base64url").toString();
  const limit = Math.min(1000, Number(query.get("max-keys") ?? 1000));
  const objects = await files.list(bucket, prefix);
  const rest = objects.filter(
    (object) => Buffer.compare(Buffer.from(object.key), Buffer.from(after)) > 0 && !isHidden(object, faults),
  );
  const page = rest.slice(0, limit);
  const truncated = rest.length > page.length;
  const last = page.at(-1)?.key ?? "";
  const next = truncated
    ? `<NextContinuationToken>${Buffer.from(last).toString("base64url")}</NextContinuationToken>`
    : "";
  const contents = page.map(
    ({ key, sizeBytes, etag, lastModified }) =>
      `<Contents><Key>${escapeXml(key)}</Key><LastModified>${lastModified.toISOString()}</LastModified>` +
      `<ETag>${escapeXml(etag)}</ETag><Size>${sizeBytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<Name>${escapeXml(bucket)}</Name><Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${page.length}</KeyCount>` +
      `<MaxKeys>${limit}</MaxKeys><IsTruncated>${truncated}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`,
  );
}

async function read(r: S3Request): Promise<void> {
  const { bucket, key, request, response, files, faults } = r;
  const object = await files.find(bucket, key);
  if (object === undefined || isHidden(object, faults)) return refuse(response, noSuchKey);
  const ifMatch = request.headers["if-match"];
  if (ifMatch !== undefined && ifMatch !== "*" && ifMatch !== object.etag) {
    return refuse(response, {
      status: 412,
      code: "PreconditionFailed",
      message: "At least one of the pre-conditions did not hold",
    });
  }
  const range = parseRange(request.headers.range, object.sizeBytes);
  if (range === "unsatisfiable") {
    return refuse(response, { status: 416, code: "InvalidRange", message: "The requested range is not satisfiable" });
  }
  const { start, end } = range ?? { start: 0, end: object.sizeBytes - 1 };
  response.writeHead(range ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    "last-modified": object.lastModified.toUTCString(),
    etag: object.etag,
    ...(range ? { "content-range": `bytes ${start}-${end}/${object.sizeBytes}` } : {}),
  });
  if (request.method === "HEAD" || end < start) return void response.end();
  await send(r, createReadStream(object.path, { start, end, highWaterMark: 256 * 1024 }), end - start + 1);
}

/** One range, as in HTTP: `bytes=0-9`, `bytes=5-`, `bytes=-3`. Forms that S3 ignores give the whole object. */
function parseRange(
  text: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(text ?? "");
  if (parts === null || (parts[1] === "" && parts[2] === "")) return undefined;
  if (parts[1] === "")
    return size === 0 ? "unsatisfiable" : { start: Math.max(0, size - Number(parts[2])), end: size - 1 };
  const start = Number(parts[1]);
  if (start >= size) return "unsatisfiable";
  return { start, end: parts[2] === "" ? size - 1 : Math.min(Number(parts[2]), size - 1) };
}

async function send({ faults, chance, response }: S3Request, body: Readable, length: number): Promise<void> {
  const { reset, slow } = faults;
  const cutAt = reset && chance() < reset.rate ? (reset.afterBytes ?? Math.floor(length / 2)) : undefined;
  const brake = slow?.bytesPerSecond;
  const stages = [...(brake === undefined ? [] : [throttle(brake)]), ...(cutAt === undefined ? [] : [cut(cutAt)])];
  // a reader that goes away, or the cut itself, is no failure of ours
  await pipeline([body, ...stages, response]).catch(() => response.destroy());
}

function throttle(bytesPerSecond: number): Transform {
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      delay((piece.length / bytesPerSecond) * 1000).then(
        () => done(null, piece),
        () => done(),
      );
    },
  });
}

/** Lets so many bytes pass and then breaks the connection. */
function cut(afterBytes: number): Transform {
  let left = afterBytes;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (piece.length <= left) {
        left -= piece.length;
        return done(null, piece);
      }
      this.push(piece.subarray(0, left));
      // what was let through should leave the machine before the connection breaks
      setTimeout(() => done(new Error("connection reset on purpose")), 20);
    },
  });
}

async function store({ bucket, key, request, response, files }: S3Request): Promise<void> {
  if (!isSafeKey(key))
    return refuse(response, { status: 400, code: "InvalidURI", message: "this key cannot be a file's name" });
  const announced = request.headers["x-amz-content-sha256"];
  const chunked = typeof announced === "string" && announced.startsWith("STREAMING-");
  const length = chunked ? request.headers["x-amz-decoded-content-length"] : request.headers["content-length"];
  if (length === undefined)
    return refuse(response, { status: 411, code: "MissingContentLength", message: "the length must be given" });
  const sha256 = typeof announced === "string" && /^[0-9a-f]{64}$/.test(announced) ? { sha256: announced } : {};
  const check = checkBody({ length: Number(length), ...sha256 });
  try {
    const stored = await files.write(bucket, key, request, chunked ? [dechunk(), check] : [check]);
    response.writeHead(200, { etag: stored.etag }).end();
  } catch (error) {
    const code = error instanceof Error ? error.message : "";
    if (code !== "IncompleteBody" && code !== "XAmzContentSHA256Mismatch") throw error;
    refuse(response, { status: 400, code, message: "the body is not what was announced" });
  }
}
