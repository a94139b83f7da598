import { quoteIdent } from "../postgres/identifier.ts";

/** The two parts that log into the journal besides agents and the administrator. */
export type Part = "bot" | "worker";

/** What each part may do beyond reading, as the head of a `grant … to` statement. What is not listed is refused. */
const rights: Readonly<Record<Part, readonly string[]>> = {
  // renders, sends, stores votes, attests; runs nothing
  bot: [
    "insert, update on journal.command",
    "insert on journal.inbound",
    "insert, update on journal.vote",
    "insert on journal.attestation",
    "update (refusal) on journal.claim_request",
    "update (state, state_reason, state_at, verdict, verdict_at, channel, message_ts) on journal.approval",
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
    "update (state, state_reason, state_at, verdict, verdict_at) on journal.approval",
    "update (migration_id, state, reply, answered_at) on journal.command",
    "insert, update on journal.outbox",
    "insert, delete on journal.sample",
    "insert, update on journal.agent_goal",
  ],
};

const functions: Readonly<Record<Part, readonly string[]>> = {
  bot: ["journal.append_event(text, text, text, jsonb)", "journal.take_outbox()", "journal.forget_inbound()"],
  worker: [
    "journal.append_event(text, text, text, jsonb)",
    "journal.mint_agent(text, text)",
    "journal.unmint_agent(text)",
  ],
};

/**
 * Takes advisory locks away from everybody but the worker and the database's owner: leases are advisory locks, and an agent that
 * took one could keep a window from being put back. Only a superuser of the server may do that; for others it does nothing.
 */
export function lockStatements(worker: string): string[] {
  const each = (body: string): string => `do $do$
    declare lock regprocedure;
    begin
      if not (select rolsuper from pg_roles where rolname = current_user) then return; end if;
      for lock in select p.oid::regprocedure from pg_proc p
                  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_' loop
        ${body}
      end loop;
    end $do$`;
  return [
    each("execute format('revoke execute on function %s from public', lock);"),
    each(`execute format('grant execute on function %s to %I, %I', lock, '${worker.replaceAll("'", "''")}',
          (select pg_get_userbyid(datdba) from pg_database where datname = current_database()));`),
  ];
}

/** Whether any login of the database can take advisory locks; the journal's agents are such. */
export const anyoneLocks = "select has_function_privilege('public', 'pg_advisory_lock(bigint)', 'execute') as open";

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
