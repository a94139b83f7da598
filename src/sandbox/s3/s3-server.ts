import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Log, silentLog } from "../../log.ts";
import { type S3Faults, seededChance } from "./faults.ts";
import { close, listen, refuse } from "./http.ts";
import { openObjectFiles } from "./object-files.ts";
import { type S3Request, serveObject } from "./object-requests.ts";
import { checkSignature, expired, type KeyRing, type Refusal, type SandboxKeys } from "./sigv4.ts";

/** How the S3 stand-in is started. */
export interface S3Options {
  /** Folder of the buckets: `root/bucket/key` are plain files. */
  readonly root: string;
  /** Buckets to make; folders that exist already are buckets too. */
  readonly buckets?: readonly string[];
  /** The keys it accepts; may be changed while it runs. */
  readonly credentials: KeyRing;
  readonly faults?: S3Faults;
  /** For faults that happen by chance. */
  readonly seed?: number;
  readonly log?: Log;
}

/** A running S3 stand-in. Path style: `url/bucket/key`. */
export interface S3Server {
  readonly url: string;
  /** Sets one fault, or ends it with `undefined`. */
  setFault<Name extends keyof S3Faults>(name: Name, fault: S3Faults[Name] | undefined): void;
  faults(): S3Faults;
  /** Requests served so far, by method and outcome: `GET 206`. */
  counts(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts S3 over a folder of plain files, on a free port of the loopback interface. Signatures are checked for real. */
export async function startS3(options: S3Options): Promise<S3Server> {
  const log = options.log ?? silentLog;
  const files = openObjectFiles(options.root);
  await mkdir(options.root, { recursive: true });
  for (const bucket of options.buckets ?? []) await mkdir(join(options.root, bucket), { recursive: true });
  let faults: S3Faults = options.faults ?? {};
  const chance = seededChance(options.seed ?? 1);
  const counts = new Map<string, number>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.once("close", () => count(counts, `${request.method} ${response.statusCode}`));
    if (faults.slow?.latencyMs !== undefined) await delay(faults.slow.latencyMs);
    const refusal = faults.error503 && chance() < faults.error503.rate ? slowDown : undefined;
    const accepted = refusal ?? admit(request, options.credentials, faults);
    if ("code" in accepted) return refuse(response, accepted);
    await serveObject({ ...parse(request), keys: accepted.keys, request, response, files, faults, chance });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.warn({ url: request.url, error: String(error) }, "the S3 stand-in failed on a request");
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 500, code: "InternalError", message: String(error) });
    });
  });
  // a bucket with gigabytes behind a slow fault takes its time
  server.requestTimeout = 0;
  const url = await listen(server);
  const stop = (): Promise<void> => close(server);
  return {
    url,
    setFault: (name, fault) => {
      const { [name]: _old, ...others } = faults;
      faults = fault === undefined ? others : { ...others, [name]: fault };
    },
    faults: () => faults,
    counts: () => counts,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const slowDown: Refusal = { status: 503, code: "SlowDown", message: "Please reduce your request rate." };

function admit(request: IncomingMessage, ring: KeyRing, faults: S3Faults): { keys: SandboxKeys } | Refusal {
  const signer = checkSignature(request, ring, new Date());
  if ("code" in signer) return signer;
  if (faults.expiredToken === undefined) return signer;
  return (faults.expiredToken.keyIds?.includes(signer.keyId) ?? true) ? expired : signer;
}

function parse(request: IncomingMessage): Pick<S3Request, "bucket" | "key" | "query"> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, bucket = "", ...key] = (request.url ?? "/").split("?", 1).join("").split("/");
  return { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key.join("/")), query: url.searchParams };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
