import { randomBytes } from "node:crypto";
import type { KeyRing } from "../s3/sigv4.ts";
import { herokuBucket } from "./config-file.ts";

/** One set of AWS keys. */
export interface AccessKeys {
  readonly id: string;
  readonly secret: string;
}

/** Every credential of one run, made at random. */
export interface SandboxSecrets {
  /** What S3 and the AWS APIs accept. */
  readonly ring: KeyRing;
  /** The worker's keys for our own account. */
  readonly ours: AccessKeys;
  /** The keys that Heroku gave out for the archive; they open nothing else. */
  readonly archive: AccessKeys;
  readonly signing: string;
  readonly bot: string;
  /** Opens sockets (Socket Mode). */
  readonly app: string;
  readonly heroku: string;
  readonly key: string;
}

const random = (): string => randomBytes(20).toString("hex");

/** Makes the credentials of a run. */
export function makeSecrets(): SandboxSecrets {
  const ring: KeyRing = new Map();
  const keys = (allowPrefixes?: readonly string[]): AccessKeys => {
    const [id, secret] = [`AKIA${random().slice(0, 16).toUpperCase()}`, random()];
    ring.set(id, { secretAccessKey: secret, ...(allowPrefixes === undefined ? {} : { allowPrefixes }) });
    return { id, secret };
  };
  return {
    ring,
    ours: keys(),
    archive: keys([`${herokuBucket}/`]),
    signing: random(),
    bot: `xoxb-${random()}`,
    app: `xapp-${random()}`,
    heroku: `HRKU-${random()}`,
    key: random() + random(),
  };
}
