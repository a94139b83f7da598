import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** One set of keys that the stand-ins accept. */
export interface SandboxKeys {
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresAt?: Date;
  /** For S3: `bucket/prefix` that these keys may touch; absent: everything. */
  readonly allowPrefixes?: readonly string[];
  /** For the other APIs: actions that these keys may not call (`RunInstances`). */
  readonly denyActions?: readonly string[];
}

/** Access key id → keys; may change while servers run. */
export type KeyRing = Map<string, SandboxKeys>;

/** Why a request is refused, in AWS's words. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Who signed a request. */
export interface Signer {
  readonly keyId: string;
  readonly keys: SandboxKeys;
  /** `s3`, `ec2`, `rds`, `monitoring`. */
  readonly service: string;
}

const sha256 = (data: string): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
const maxSkewMs = 15 * 60_000;

const header =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/**
 * Checks a request's AWS signature, version 4, in its header form
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html). The body's hash is checked by whoever reads the body.
 */
export function checkSignature(request: IncomingMessage, ring: KeyRing, now: Date): Signer | Refusal {
  const parts = header.exec(request.headers.authorization ?? "");
  if (parts === null)
    return { status: 403, code: "AccessDenied", message: "the request is not signed with an AWS4 header" };
  const [, keyId = "", day = "", region = "", service = "", names = "", signature = ""] = parts;
  const keys = ring.get(keyId);
  if (keys === undefined) return unknownKey(service);
  const token = request.headers["x-amz-security-token"];
  if (token !== keys.sessionToken)
    return { status: 400, code: "InvalidToken", message: "the session token is not the one of these keys" };
  if (keys.expiresAt !== undefined && keys.expiresAt <= now) return expired;
  const date = String(request.headers["x-amz-date"] ?? "");
  if (!date.startsWith(day) || Math.abs(parseAmzDate(date) - now.getTime()) > maxSkewMs) {
    return {
      status: 403,
      code: "RequestTimeTooSkewed",
      message: "the request's time and the server's time differ too much",
    };
  }
  const scope = `${day}/${region}/${service}/aws4_request`;
  const signedText = [
    "AWS4-HMAC-SHA256",
    date,
    scope,
    sha256(canonicalRequest(request, names.split(";"), service)),
  ].join("\n");
  const signingKey = [region, service, "aws4_request"].reduce(hmac, hmac(`AWS4${keys.secretAccessKey}`, day));
  const good = timingSafeEqual(hmac(signingKey, signedText), Buffer.from(signature, "hex"));
  if (!good)
    return { status: 403, code: "SignatureDoesNotMatch", message: "the signature does not match the secret key" };
  return { keyId, keys, service };
}

/** What AWS answers to keys that are too old. */
export const expired: Refusal = { status: 400, code: "ExpiredToken", message: "The provided token has expired." };

function unknownKey(service: string): Refusal {
  if (service === "ec2")
    return { status: 401, code: "AuthFailure", message: "AWS was not able to validate the access credentials" };
  const code = service === "s3" ? "InvalidAccessKeyId" : "InvalidClientTokenId";
  return { status: 403, code, message: "The access key id does not exist in our records." };
}

function parseAmzDate(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function canonicalRequest(request: IncomingMessage, names: readonly string[], service: string): string {
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const values = names.map(
    (name) =>
      `${name}:${String(request.headers[name] ?? "")
        .trim()
        .replace(/ +/g, " ")}\n`,
  );
  const payload = String(request.headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD");
  // S3 alone encodes the path once
  const uri = service === "s3" ? path : path.split("/").map(encodeStrictly).join("/");
  return [request.method, uri, canonicalQuery(query), values.join(""), names.join(";"), payload].join("\n");
}

function canonicalQuery(query: string): string {
  const pairs = query.split("&").filter((pair) => pair !== "");
  const encoded = pairs.map((pair) => {
    const [name = "", value = ""] = pair.split("=", 2);
    return [encodeStrictly(decodeURIComponent(name)), encodeStrictly(decodeURIComponent(value))] as const;
  });
  const order = (a: readonly [string, string], b: readonly [string, string]): number =>
    a.join("=") < b.join("=") ? -1 : 1;
  return encoded
    .toSorted(order)
    .map((pair) => pair.join("="))
    .join("&");
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
