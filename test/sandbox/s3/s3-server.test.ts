import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { dechunk } from "../../../src/sandbox/s3/chunked-body.ts";
import { type S3Server, startS3 } from "../../../src/sandbox/s3/s3-server.ts";

let root: string;
let server: S3Server;
let client: S3Client;
let config: S3ClientConfig;

/** Changes each body after it was signed. */
class Tampering extends NodeHttpHandler {
  override handle(...[request, options]: Parameters<NodeHttpHandler["handle"]>): ReturnType<NodeHttpHandler["handle"]> {
    request.body = "evil";
    return super.handle(request, options);
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "drawbridge-s3-"));
  server = await startS3({ root, buckets: ["b"], credentials: new Map([["AK", { secretAccessKey: "sk" }]]) });
  const credentials = { accessKeyId: "AK", secretAccessKey: "sk" };
  config = { endpoint: server.url, region: "eu-west-1", forcePathStyle: true, credentials };
  client = new S3Client(config);
});

afterAll(async () => {
  client.destroy();
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

describe("the S3 stand-in", () => {
  it("shows no upload that goes on: what a folder store has not finished is not listed", async () => {
    const whole = join(root, "b/going.lzo");
    const half = `${whole}.a1e2eac6-246c-41bd-a162-f3d9adb15698.part`;
    const keys = async (): Promise<unknown> => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "b", Prefix: "going" }));
      return Contents.map(({ Key }) => Key);
    };
    await writeFile(half, "text");
    expect(await keys()).toEqual([]);
    await rename(half, whole);
    expect(await keys()).toEqual(["going.lzo"]);
  });

  it("takes what the SDK sends with its default checksums, chunked bodies included, and keeps plain files", async () => {
    await client.send(new PutObjectCommand({ Bucket: "b", Key: "one", Body: "text" }));
    const big = Buffer.alloc(400_000, "ab");
    const body = {
      Body: Readable.from([big.subarray(0, 7), big.subarray(7)], { objectMode: false }),
      ContentLength: big.length,
    };
    await client.send(new PutObjectCommand({ Bucket: "b", Key: "two", ...body }));
    expect((await readFile(join(root, "b/one"))).toString()).toBe("text");
    expect((await readFile(join(root, "b/two"))).equals(big)).toBe(true);
  });

  it("takes chunk framing off however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
        fc.integer({ min: 1, max: 9 }),
        async (chunks, step) => {
          const framed = chunks.map((chunk) => [`${chunk.length.toString(16)};chunk-signature=x\r\n`, chunk, "\r\n"]);
          const wire = Buffer.concat(
            [...framed.flat(), "0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"].map((part) =>
              typeof part === "string" ? Buffer.from(part) : part,
            ),
          );
          const pieces = Array.from({ length: Math.ceil(wire.length / step) }, (_, at) =>
            wire.subarray(at * step, (at + 1) * step),
          );
          const out = await buffer(Readable.from(pieces).pipe(dechunk()));
          expect(out.equals(Buffer.concat(chunks))).toBe(true);
        },
      ),
    );
  });

  it("pages with MaxKeys and a token", async () => {
    for (const key of ["p/a", "p/b", "p/c"])
      await client.send(new PutObjectCommand({ Bucket: "b", Key: key, Body: key }));
    const first = await client.send(new ListObjectsV2Command({ Bucket: "b", Prefix: "p/", MaxKeys: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, KeyCount: 2 });
    const ContinuationToken = first.NextContinuationToken ?? "";
    const second = await client.send(
      new ListObjectsV2Command({ Bucket: "b", Prefix: "p/", MaxKeys: 2, ContinuationToken }),
    );
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(["p/c"]);
  });

  it("names its errors as S3 does", async () => {
    const code = (promise: Promise<unknown>) =>
      promise.then(
        () => "none",
        (error: unknown) => (error instanceof Error ? error.name : "?"),
      );
    expect(await code(client.send(new GetObjectCommand({ Bucket: "b", Key: "none" })))).toBe("NoSuchKey");
    expect(await code(client.send(new GetObjectCommand({ Bucket: "none", Key: "none" })))).toBe("NoSuchBucket");
    expect(await code(client.send(new GetObjectCommand({ Bucket: "b", Key: "one", IfMatch: '"x"' })))).toBe(
      "PreconditionFailed",
    );
    expect(await code(client.send(new GetObjectCommand({ Bucket: "b", Key: "one", Range: "bytes=99-" })))).toBe(
      "InvalidRange",
    );
    await client.send(new DeleteObjectCommand({ Bucket: "b", Key: "none" }));
    server.setFault("error503", { rate: 1 });
    expect(await code(client.send(new GetObjectCommand({ Bucket: "b", Key: "one" })))).toBe("SlowDown");
    server.setFault("error503", undefined);
    expect((await fetch(`${server.url}/b/one`)).status).toBe(403);
  });

  it("refuses a body that is not the one that was signed, and keeps nothing of it", async () => {
    const tampered = new S3Client({
      ...config,
      requestHandler: new Tampering(),
      requestChecksumCalculation: "WHEN_REQUIRED",
    });
    const put = tampered.send(new PutObjectCommand({ Bucket: "b", Key: "tampered", Body: "good" }));
    await expect(put).rejects.toMatchObject({ name: "XAmzContentSHA256Mismatch" });
    tampered.destroy();
    await expect(readFile(join(root, "b/tampered"))).rejects.toThrow(/ENOENT/);
  });

  it("hides new WAL for a while, and only WAL", async () => {
    server.setFault("hideNewWal", { forMs: 700 });
    for (const Key of ["x/wal_005/new.lzo", "x/other"])
      await client.send(new PutObjectCommand({ Bucket: "b", Key, Body: "w" }));
    const seen = async () =>
      (await client.send(new ListObjectsV2Command({ Bucket: "b", Prefix: "x/" }))).Contents?.map(({ Key }) => Key);
    expect(await seen()).toEqual(["x/other"]);
    await expect(client.send(new GetObjectCommand({ Bucket: "b", Key: "x/wal_005/new.lzo" }))).rejects.toThrow(
      /key does not exist/,
    );
    await waitFor(async () => (await seen())?.length === 2, { deadlineMs: 5_000, what: "the WAL to be seen" });
    server.setFault("hideNewWal", undefined);
  });
});
