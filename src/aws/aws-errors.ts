import { DrawbridgeError, type FaultOptions, type Outcome } from "../errors.ts";

/** AWS's own error code (`InsufficientInstanceCapacity`), looked for through all causes; `undefined` when AWS did not answer. */
export function awsCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("$metadata" in at) return at.name;
  }
  return undefined;
}

/** Whether `error` carries one of AWS's codes. AWS writes some of them with and without `Fault`. */
export function isAwsCode(error: unknown, ...wanted: readonly string[]): boolean {
  const code = awsCode(error);
  return code !== undefined && wanted.some((name) => code === name || code === `${name}Fault`);
}

/** HTTP status of AWS's answer, `undefined` when there was none. */
export function awsStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/** Keys that AWS no longer takes: reading them again may help. */
export const expiredKeyCodes = [
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
  "RequestExpired",
  // long-lived keys that were replaced
  "InvalidAccessKeyId",
  "InvalidToken",
  "SignatureDoesNotMatch",
] as const;

const refused =
  /^(AccessDenied|Unauthorized|AuthFailure|InvalidClientToken|SignatureDoesNotMatch|InvalidAccessKey|ExpiredToken|OptInRequired)/;
const scarce = /(InsufficientInstanceCapacity|InsufficientDBInstanceCapacity|InsufficientHostCapacity)/;
const limited = /(LimitExceeded|QuotaExceeded)/;
const busy = /(Throttl|RequestLimit|SlowDown|ServiceUnavailable|InternalError|InternalFailure|RequestTimeout)/;

/** What happens after AWS answered with `code`: keys and quotas wait for a person, capacity and throttling for time, the rest is our mistake. */
function verdict(code: string, status: number): FaultOptions & { outcome: Outcome } {
  if (scarce.test(code)) return { outcome: "retryable", retryAfterMs: 60_000 };
  if (refused.test(code) || limited.test(code)) return { outcome: "paused" };
  if (busy.test(code) || status >= 500) return { outcome: "retryable", retryAfterMs: 5_000 };
  return { outcome: "terminal" };
}

/** Any error of an SDK call as ours: `DB_AWS` with AWS's code, `DB_ABORTED`, or `DB_CONNECTION` when AWS did not answer. */
export function asAwsFault(cause: unknown, what: string): DrawbridgeError {
  if (cause instanceof DrawbridgeError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && cause.name === "AbortError") {
    return new DrawbridgeError("DB_ABORTED", `${what}: stopped`, { cause });
  }
  const status = awsStatus(cause);
  if (cause instanceof Error && status !== undefined) {
    return new DrawbridgeError("DB_AWS", `${what}: AWS answered ${cause.name}: ${message}`, {
      cause,
      ...verdict(cause.name, status),
    });
  }
  if (cause instanceof Error && cause.name === "CredentialsProviderError") {
    return new DrawbridgeError("DB_AWS", `${what}: no AWS credentials: ${message}`, { cause, outcome: "paused" });
  }
  return new DrawbridgeError("DB_CONNECTION", `${what}: AWS could not be reached: ${message}`, { cause });
}

/** Runs one SDK call; its errors come out as {@link asAwsFault} makes them. */
export async function calling<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asAwsFault(error, what);
  }
}
