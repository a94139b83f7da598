import { createHash } from "node:crypto";
import { DrawbridgeError } from "../errors.ts";
import type { Approver } from "./policy.ts";

/** What two people say yes to. Evidence (lag, forecast) is shown beside it and not part of it. */
export interface ApprovalSubject {
  readonly migration: string;
  readonly step: string;
  /** Resource ids, hosts, app names: what exactly the step would act on. No secrets. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Digest of the configuration file as loaded. */
  readonly configDigest: string;
  readonly approverSet: readonly Approver[];
}

/** SHA-256, hexadecimal, over the canonical JSON of the subject. The order of approvers and accounts does not matter. */
export function digestOf(subject: ApprovalSubject): string {
  const approverSet = subject.approverSet
    .map(({ person, slack }) => ({ person, slack: slack.toSorted() }))
    .toSorted((a, b) => (a.person < b.person ? -1 : 1));
  const { migration, step, parameters, configDigest } = subject;
  return sha256(canonicalJson({ migration, step, parameters, configDigest, approverSet }));
}

/** SHA-256 of a text, hexadecimal. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/**
 * JSON with sorted keys and without white space; `undefined` members are left out.
 * @throws DrawbridgeError `DB_BAD_INPUT` for what has no one JSON form (NaN, functions, Dates, bigint).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item)).join(",")}]`;
  if (typeof value === "object" && isPlain(value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  throw new DrawbridgeError("DB_BAD_INPUT", `a ${typeof value} has no canonical JSON form`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
