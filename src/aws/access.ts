import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { NodeHttpHandler, type NodeHttpHandlerOptions } from "@smithy/node-http-handler";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";

/** How one AWS service is reached. Without `credentials` the SDK's default chain is used (environment, profile, instance profile). */
export interface AwsAccess {
  readonly region: string;
  /** Only for stand-ins and private endpoints; absent: AWS itself. */
  readonly endpoint?: string | undefined;
  /** Read again whenever AWS says that the keys have expired. */
  readonly credentials?: (() => Promise<AwsKeys>) | undefined;
  readonly log: Log;
}

/** One set of AWS keys. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret | undefined;
  /** When AWS stops accepting them; the SDK asks again shortly before. */
  readonly expiresAt?: Date | undefined;
}

/** Tag key that marks everything Drawbridge makes; its value is the migration's id. */
export const migrationTag = "drawbridge:migration";

interface SdkKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/** What every SDK client of ours is built from. */
export interface SdkConfig {
  region: string;
  requestHandler: NodeHttpHandler;
  maxAttempts: number;
  endpoint?: string;
  credentials?: () => Promise<SdkKeys>;
}

/** How long a connection may take to be made, and how long it may stand still, in milliseconds. */
export const socketTimes = { connectMs: 5_000, idleMs: 30_000 };

/** Deadlines and sockets of our own for an SDK client's handler. */
export function httpOptions(maxSockets: number): NodeHttpHandlerOptions {
  const agent = { keepAlive: true, maxSockets };
  return {
    httpAgent: new HttpAgent(agent),
    httpsAgent: new HttpsAgent(agent),
    connectionTimeout: socketTimes.connectMs,
    // also ends a body that stands still
    socketTimeout: socketTimes.idleMs,
  };
}

/** Options for an SDK client: our endpoint, keys, deadlines and sockets. */
export function sdkConfig(access: AwsAccess, maxSockets = 50): SdkConfig {
  const { credentials, endpoint, region } = access;
  return {
    region,
    maxAttempts: 4,
    requestHandler: new NodeHttpHandler(httpOptions(maxSockets)),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: async () => revealKeys(await credentials()) }),
  };
}

function revealKeys(keys: AwsKeys): SdkKeys {
  return {
    accessKeyId: keys.accessKeyId,
    secretAccessKey: keys.secretAccessKey.reveal(),
    ...(keys.sessionToken === undefined ? {} : { sessionToken: keys.sessionToken.reveal() }),
    ...(keys.expiresAt === undefined ? {} : { expiration: keys.expiresAt }),
  };
}
