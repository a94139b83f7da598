import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openS3Store, type S3Store, type S3StoreOptions } from "../../src/aws/s3-store.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import type { S3Faults } from "../../src/sandbox/s3/faults.ts";
import { type S3Server, startS3 } from "../../src/sandbox/s3/s3-server.ts";
import type { KeyRing } from "../../src/sandbox/s3/sigv4.ts";

/** An S3 stand-in with one bucket, and the store that reads it. */
export interface S3World extends AsyncDisposable {
  readonly root: string;
  readonly server: S3Server;
  readonly ring: KeyRing;
  readonly store: S3Store;
  open(options?: Partial<S3StoreOptions>): S3Store;
}

export async function startS3World(faults: S3Faults = {}): Promise<S3World> {
  const root = await mkdtemp(join(tmpdir(), "drawbridge-s3-"));
  const ring: KeyRing = new Map([["AKGOOD", { secretAccessKey: "good" }]]);
  const server = await startS3({ root, buckets: ["archive"], credentials: ring, faults });
  const open = (options: Partial<S3StoreOptions> = {}): S3Store =>
    openS3Store({
      bucket: "archive",
      prefix: "/some/prefix",
      region: "us-east-1",
      endpoint: server.url,
      forcePathStyle: true,
      credentials: async () => ({ accessKeyId: "AKGOOD", secretAccessKey: new Secret("good") }),
      log: silentLog,
      ...options,
    });
  const store = open();
  const stop = async (): Promise<void> => {
    store.close();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  };
  return { root, server, ring, store, open, [Symbol.asyncDispose]: stop };
}
