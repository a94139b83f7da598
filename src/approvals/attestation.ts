import { z } from "zod";
import { DrawbridgeError } from "../errors.ts";
import type { PersonFacts, Reaction } from "./policy.ts";

/** What the bot saw of one approval when it was asked: raw facts, no verdict. The worker evaluates them itself. */
export interface AttestedApproval {
  readonly id: string;
  readonly reactions: readonly Reaction[];
  readonly people: Readonly<Record<string, PersonFacts>>;
  /** Members of the configured user group; absent where none is configured. */
  readonly groupMembers?: readonly string[] | undefined;
  /** Emoji, without skin tone, of which Slack did not name everyone who reacted. */
  readonly truncated: readonly string[];
  readonly messageGone: boolean;
  readonly channelShared: boolean;
}

const person = z.object({
  deleted: z.boolean(),
  isBot: z.boolean(),
  isRestricted: z.boolean(),
  isUltraRestricted: z.boolean(),
  isStranger: z.boolean().optional(),
  teamId: z.string(),
  enterpriseId: z.string().optional(),
  teams: z.array(z.string()).optional(),
  isMember: z.boolean(),
});

const facts = z.object({
  approvals: z.array(
    z.object({
      id: z.string(),
      reactions: z.array(z.object({ slackUser: z.string(), name: z.string(), standing: z.boolean() })),
      people: z.record(z.string(), person),
      groupMembers: z.array(z.string()).optional(),
      truncated: z.array(z.string()),
      messageGone: z.boolean(),
      channelShared: z.boolean(),
    }),
  ),
});

/**
 * Reads `journal.attestation.facts`.
 * @throws DrawbridgeError `DB_GATE_CLOSED` when they are not as the bot writes them: what cannot be read opens nothing.
 */
export function parseAttestation(stored: unknown): readonly AttestedApproval[] {
  const parsed = facts.safeParse(stored);
  if (!parsed.success) {
    throw new DrawbridgeError("DB_GATE_CLOSED", "the attestation cannot be read", { cause: parsed.error });
  }
  return parsed.data.approvals;
}
