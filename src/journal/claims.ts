import type { Queryable } from "../postgres/connect.ts";
import type { Fencing } from "./fenced.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** The worker asks the bot: do these approvals stand, this moment? */
export interface ClaimRequest {
  readonly nonce: string;
  readonly migrationId: string;
  readonly approvals: readonly string[];
  readonly createdAt: Date;
}

/** The bot's word on a claim request. */
export interface Attestation {
  readonly nonce: string;
  readonly facts: JsonObject;
  readonly observedAt: Date;
  /** How old it is by the journal's clock, in milliseconds. */
  readonly ageMs: number;
}

/** Worker: asks for an attestation. */
export async function requestClaim(
  db: Queryable,
  claim: { readonly nonce: string; readonly approvals: readonly string[] } & Fencing,
): Promise<void> {
  await db.query("insert into journal.claim_request (nonce, migration_id, approvals, epoch) values ($1, $2, $3, $4)", [
    claim.nonce,
    claim.migrationId,
    [...claim.approvals],
    claim.epoch,
  ]);
}

/** Bot: requests of the last minute for its migration that nobody answered yet. */
export async function unansweredClaims(db: Queryable, migrationId: string): Promise<ClaimRequest[]> {
  const rows = await db.query<{ nonce: string; migration_id: string; approvals: string[]; created_at: Date }>(
    `select nonce, migration_id, approvals, created_at from journal.claim_request c
     where migration_id = $1 and created_at > clock_timestamp() - interval '1 minute'
       and not exists (select from journal.attestation a where a.nonce = c.nonce) order by created_at`,
    [migrationId],
  );
  return rows.map((row) => ({
    nonce: row.nonce,
    migrationId: row.migration_id,
    approvals: row.approvals,
    createdAt: row.created_at,
  }));
}

/**
 * Bot: attests what it read from Slack. `observedAt`: when the reading began, by the journal's clock; the attestation dates
 * from there, however long reading and writing took; from now unless told. The first answer stands.
 */
export async function writeAttestation(
  db: Queryable,
  nonce: string,
  facts: JsonObject,
  observedAt?: Date,
): Promise<void> {
  await db.query(
    `insert into journal.attestation (nonce, facts, observed_at)
     values ($1, $2, least($3, clock_timestamp())) on conflict do nothing`,
    [nonce, encodeJson(facts), observedAt],
  );
}

/** The bot's answer, if it has come. */
export async function readAttestation(db: Queryable, nonce: string): Promise<Attestation | undefined> {
  const [row] = await db.query<{ nonce: string; facts: JsonObject; observed_at: Date; age_ms: number }>(
    `select nonce, facts, observed_at,
       (extract(epoch from clock_timestamp() - observed_at) * 1000)::double precision as age_ms
     from journal.attestation where nonce = $1`,
    [nonce],
  );
  return row && { nonce: row.nonce, facts: row.facts, observedAt: row.observed_at, ageMs: row.age_ms };
}
