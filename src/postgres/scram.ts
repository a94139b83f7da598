import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { Secret } from "../redact.ts";

/**
 * What PostgreSQL stores for a password under SCRAM-SHA-256 (RFC 5802, RFC 7677; the form is in
 * src/common/scram-common.c): `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. Given to `CREATE ROLE … PASSWORD` it
 * saves the password itself from travelling. Only for passwords of ASCII letters, which SASLprep leaves alone: ours are.
 */
export function scramVerifier(password: Secret, salt: Buffer = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password.reveal(), salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** A password that is derived and never stored: HMAC-SHA256 of `migration/role/version` under `DRAWBRIDGE_KEY` (law 8), base64url. */
export function derivePassword(key: Secret, migration: string, role: string, version: number): Secret {
  return new Secret(createHmac("sha256", key.reveal()).update(`${migration}/${role}/${version}`).digest("base64url"));
}
