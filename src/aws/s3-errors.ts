import { DrawbridgeError } from "../errors.ts";
import { awsStatus, expiredKeyCodes, isAwsCode } from "./aws-errors.ts";

/** Any error of an S3 call as the object store's contract names it. */
export function asStoreFault(cause: unknown, what: string): DrawbridgeError {
  if (cause instanceof DrawbridgeError) return cause;
  const name = cause instanceof Error ? cause.name : "error";
  const message = cause instanceof Error ? cause.message : String(cause);
  const status = awsStatus(cause);
  if (name === "AbortError") return new DrawbridgeError("DB_ABORTED", `${what}: stopped`, { cause });
  if (name === "CredentialsProviderError" || status === 401 || status === 403 || isAwsCode(cause, ...expiredKeyCodes)) {
    return new DrawbridgeError("DB_ARCHIVE_ACCESS", `${what}: ${name}: ${message}`, { cause });
  }
  if (status === 412)
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}: the object has changed since it was listed`, { cause });
  if (status === 416)
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}: the object ends before the range asked for`, { cause });
  if (name === "NoSuchBucket")
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}: there is no such bucket`, { cause });
  const temporary =
    status === undefined || status === 404 || status === 429 || status >= 500 || name === "RequestTimeout";
  if (temporary) return new DrawbridgeError("DB_CONNECTION", `${what}: ${name}: ${message}`, { cause });
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}: S3 refused: ${name}: ${message}`, { cause });
}
