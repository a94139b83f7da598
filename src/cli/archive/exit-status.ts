import type { DrawbridgeError } from "../../errors.ts";

/** Exit statuses of `drawbridge archive` beside 0, done, and 2, wrong usage, which the command line's parser gives. */
export const exitStatus = {
  /** The archive, the directory or what was asked for will not do; the code says why. */
  refused: 1,
  /** Nothing is wrong with what was asked: the same command goes on once the cause is gone. */
  interrupted: 3,
} as const;

/** The exit status of a failure. `hasBegun`: something was done that a repetition goes on from. Pure. */
export function exitStatusOf(fault: DrawbridgeError, hasBegun: boolean): number {
  const { code, message, outcome } = fault;
  if (code === "DB_ABORTED" || code === "DB_CONNECTION" || code === "DB_WAIT_TIMEOUT") return exitStatus.interrupted;
  // keys that were good and have expired, unlike keys that never were
  if (code === "DB_ARCHIVE_ACCESS" && /expired/i.test(message)) return exitStatus.interrupted;
  return hasBegun && outcome !== "terminal" ? exitStatus.interrupted : exitStatus.refused;
}

/** What the person at the terminal can do about it; `again` is the command as it was typed. Pure. */
export function adviceFor(fault: DrawbridgeError, status: number, again: string): string[] {
  const lines = [...adviceOn(fault)];
  if (status === exitStatus.interrupted) lines.push(`Go on with:\n  ${again}`);
  return lines;
}

function adviceOn({ code, message }: DrawbridgeError): string[] {
  if (code === "DB_ARCHIVE_ACCESS") {
    if (/CredentialsProviderError|Could not load credentials/i.test(message)) {
      return ["Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or AWS_PROFILE."];
    }
    if (/expired/i.test(message)) return ["The keys have expired: set new ones."];
    return ["S3 refuses these keys here: they need s3:ListBucket on the bucket and s3:GetObject on what lies in it."];
  }
  if (code === "DB_CONNECTION") return ["Check --endpoint, --region and the network."];
  if (code === "DB_ARCHIVE_INVALID" && /PermanentRedirect|AuthorizationHeaderMalformed/.test(message)) {
    return ["The bucket lies in another region: name it with --region."];
  }
  return [];
}
