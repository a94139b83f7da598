import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { close, listen } from "../s3/http.ts";
import type { KeyRing } from "../s3/sigv4.ts";

/** What an instance may ask its metadata service for. */
export interface ImdsOptions {
  readonly instanceId: string;
  /** Plain text. */
  readonly userData: string;
  readonly localIpv4: string;
  /** Absent: the instance has none, and the service answers 404. */
  readonly publicIpv4?: string;
  /** Name of the role in its instance profile; absent: no credentials. */
  readonly role: string | undefined;
  /** `bucket/prefix` that the role may touch in S3; it may call nothing else. */
  readonly allowPrefixes: readonly string[];
  /** Where the keys that it hands out become valid. */
  readonly ring: KeyRing;
  readonly keyLifetimeMs: number;
}

/** A metadata service, version 2: a token first, then everything else with it. */
export interface Imds {
  /** For `AWS_EC2_METADATA_SERVICE_ENDPOINT`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the metadata service of one instance on a free loopback port. */
export async function startImds(options: ImdsOptions): Promise<Imds> {
  const tokens = new Set<string>();
  const answers: Record<string, () => string | undefined> = {
    "/latest/user-data": () => options.userData,
    "/latest/meta-data/instance-id": () => options.instanceId,
    "/latest/meta-data/local-ipv4": () => options.localIpv4,
    "/latest/meta-data/public-ipv4": () => options.publicIpv4,
    "/latest/meta-data/iam/security-credentials/": () => options.role,
    [`/latest/meta-data/iam/security-credentials/${options.role ?? ""}`]: () =>
      options.role === undefined ? undefined : handOutKeys(options),
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === "PUT" && request.url === "/latest/api/token") {
      const token = randomBytes(16).toString("hex");
      tokens.add(token);
      response.writeHead(200, { "x-aws-ec2-metadata-token-ttl-seconds": "21600" }).end(token);
      return;
    }
    const token = request.headers["x-aws-ec2-metadata-token"];
    // HttpTokens=required: the first version of the protocol is refused
    if (typeof token !== "string" || !tokens.has(token)) return void response.writeHead(401).end();
    const text = answers[request.url ?? ""]?.();
    response.writeHead(text === undefined ? 404 : 200, { "content-type": "text/plain" }).end(text);
  };
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  const url = await listen(server);
  return { url, stop: () => close(server) };
}

function handOutKeys({ ring, allowPrefixes, keyLifetimeMs }: ImdsOptions): string {
  const AccessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
  const SecretAccessKey = randomBytes(20).toString("hex");
  const Token = randomBytes(32).toString("base64url");
  const Expiration = new Date(Date.now() + keyLifetimeMs);
  ring.set(AccessKeyId, {
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiresAt: Expiration,
    allowPrefixes,
    denyActions: ["*"],
  });
  return JSON.stringify({
    Code: "Success",
    Type: "AWS-HMAC",
    LastUpdated: new Date(),
    AccessKeyId,
    SecretAccessKey,
    Token,
    Expiration,
  });
}
