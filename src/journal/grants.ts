import { quoteIdent } from "../postgres/identifier.ts";

/** The two parts that log into the journal besides agents and the administrator. */
export type Part = "bot" | "worker";

/** What each part may do beyond reading, as the head of a `grant … to` statement. What is not listed is refused. */
const rights: Readonly<Record<Part, readonly string[]>> = {
  // renders, sends, stores votes, attests; runs nothing
  bot: [
    "insert, update on journal.command",
    "insert, update on journal.inbound",
    "insert, update on journal.vote",
    "insert on journal.attestation",
    "update (state, state_reason, state_at, channel, message_ts) on journal.approval",
    "insert, update on journal.outbox",
  ],
  // runs everything, approves nothing
  worker: [
    "insert, update on journal.migration",
    "insert on journal.requester",
    "insert, update on journal.phase_run",
    "insert, update on journal.step_attempt",
    "insert on journal.undo_note",
    "insert, update on journal.window_run",
    "insert on journal.claim_request",
    "insert on journal.approval",
    "update (state, state_reason, state_at) on journal.approval",
    "update (migration_id, state, reply, answered_at) on journal.command",
    "insert, update on journal.outbox",
    "insert, delete on journal.sample",
    "insert, update on journal.agent_goal",
  ],
};

const functions: Readonly<Record<Part, readonly string[]>> = {
  bot: ["journal.append_event(text, text, text, jsonb)"],
  worker: [
    "journal.append_event(text, text, text, jsonb)",
    "journal.mint_agent(text, text)",
    "journal.unmint_agent(text)",
  ],
};

/** Statements that give one role exactly its part's rights, whatever it had before. Safe to repeat. */
export function grantStatements(part: Part, role: string, database: string): string[] {
  const to = quoteIdent(role);
  const policy = quoteIdent(`staff_${part}`);
  return [
    `revoke all on all tables in schema journal from ${to}`,
    `revoke all on all functions in schema journal from ${to}`,
    `grant connect on database ${quoteIdent(database)} to ${to}`,
    `grant usage on schema journal to ${to}`,
    `grant select on all tables in schema journal to ${to}`,
    `grant execute on function journal.event_hash(text, bigint, text, timestamptz, text, text, jsonb) to ${to}`,
    ...rights[part].map((right) => `grant ${right} to ${to}`),
    ...functions[part].map((name) => `grant execute on function ${name} to ${to}`),
    ...["agent_goal", "agent_state"].flatMap((table) => [
      `drop policy if exists ${policy} on journal.${table}`,
      `create policy ${policy} on journal.${table} to ${to} using (true)`,
    ]),
  ];
}
