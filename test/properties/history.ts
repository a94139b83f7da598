import type { Database } from "../../src/postgres/connect.ts";

/**
 * Lets time pass for one migration: everything that was written about it moves into the past. So expiry, age and deadlines are
 * judged by the database's own clock, which nobody touches; what would refuse the change is switched off for this statement,
 * which takes a superuser.
 */
export async function prepareHistory(admin: Database): Promise<void> {
  await admin.query(`
    create function public.let_time_pass(m text, by interval, tss text[]) returns void language plpgsql as $$
    begin
      perform set_config('session_replication_role', 'replica', true);
      update journal.vote v set observed_at = observed_at - by, withdrawn_at = withdrawn_at - by
        from journal.approval a where a.id = v.approval_id and a.migration_id = m;
      update journal.approval set created_at = created_at - by, expires_at = expires_at - by, state_at = state_at - by
        where migration_id = m;
      update journal.attestation a set observed_at = observed_at - by
        from journal.claim_request c where c.nonce = a.nonce and c.migration_id = m;
      update journal.claim_request set created_at = created_at - by where migration_id = m;
      update journal.window_run set asked_at = asked_at - by, opened_at = opened_at - by, deadline_at = deadline_at - by,
          no_return_at = no_return_at - by, ended_at = ended_at - by,
          facts = case when facts ? 'attestedAt' then facts || jsonb_build_object('attestedAt',
            to_char(((facts ->> 'attestedAt')::timestamptz - by) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) else facts end
        where migration_id = m;
      update journal.phase_run set due_at = due_at - by where migration_id = m;
      update journal.inbound set received_at = received_at - by
        where kind = 'event' and body #>> '{event,item,ts}' = any (tss);
    end $$;
    create function public.begin_migration(m text, at_phase text, earlier text[]) returns void language sql as $$
      insert into journal.migration (id, state, phase, driver, config_digest, started_at)
        values (m, 'active', at_phase, 'greg', 'c', clock_timestamp());
      insert into journal.requester (migration_id, person, verb) values (m, 'greg', 'start');
      insert into journal.phase_run (migration_id, phase, state) select m, e, 'done' from unnest(earlier) e;
      insert into journal.phase_run (migration_id, phase, state) values (m, at_phase, 'waiting');
    $$;
    create index on journal.approval (migration_id);
    create index on journal.step_attempt (migration_id);`);
}
