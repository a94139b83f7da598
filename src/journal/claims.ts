import type { Queryable } from "../postgres/connect.ts";
import type { Fencing } from "./fenced.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** Longest age of an attestation, longest wait for one, and so the life of a claim request, in milliseconds (law 4). */
export const attestationMs = 10_000;

/** The worker asks the bot: do these approvals stand, this moment? */
export interface ClaimRequest {
  readonly nonce: string;
  readonly migrationId: string;
  readonly approvals: readonly string[];
  /** How long the worker still waits, by the journal's clock, in milliseconds. */
  readonly leftMs: number;
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

/** Bot: requests for its migration that a worker still waits for, oldest first; not those that were answered or refused. */
export async function unansweredClaims(db: Queryable, migrationId: string): Promise<ClaimRequest[]> {
  const rows = await db.query<{ nonce: string; migration_id: string; approvals: string[]; left_ms: number }>(
    `select nonce, migration_id, approvals,
       ($2 - extract(epoch from clock_timestamp() - created_at) * 1000)::double precision as left_ms
     from journal.claim_request c
     where migration_id = $1 and created_at > clock_timestamp() - $2 * interval '1 millisecond' and refusal is null
       and not exists (select from journal.attestation a where a.nonce = c.nonce) order by created_at`,
    [migrationId, attestationMs],
  );
  return rows.map((row) => ({
    nonce: row.nonce,
    migrationId: row.migration_id,
    approvals: row.approvals,
    leftMs: row.left_ms,
  }));
}

/**
 * Bot: attests what it read from Slack. `observedAt`: when the reading began, by the journal's clock; the attestation dates
 * from there, however long reading and writing took; from now unless told. The first answer stands.
 * @returns false when nobody waits for it any more, or it was answered before.
 */
export async function writeAttestation(
  db: Queryable,
  nonce: string,
  facts: JsonObject,
  observedAt?: Date,
): Promise<boolean> {
  const rows = await db.query(
    `insert into journal.attestation (nonce, facts, observed_at)
     select nonce, $2, least($3, clock_timestamp()) from journal.claim_request
     where nonce = $1 and created_at > clock_timestamp() - $4 * interval '1 millisecond'
     on conflict do nothing returning nonce`,
    [nonce, encodeJson(facts), observedAt, attestationMs],
  );
  return rows.length > 0;
}

/** Bot: there will be no attestation. `why` is for people to read and must be redacted. */
export async function refuseClaim(db: Queryable, nonce: string, why: string): Promise<void> {
  await db.query("update journal.claim_request set refusal = $2 where nonce = $1", [nonce, why]);
}

/** Worker: why the bot will not answer, once it has said so. */
export async function claimRefusal(db: Queryable, nonce: string): Promise<string | undefined> {
  const [row] = await db.query<{ refusal: string | null }>(
    "select refusal from journal.claim_request where nonce = $1",
    [nonce],
  );
  return row?.refusal ?? undefined;
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
