-- Who may do what is refused by the database itself: init grants the rights, these rules add what grants cannot say.

-- Which login plays which part. Written by `drawbridge journal init`; the rules below read it by session_user,
-- which `set role` and definer functions do not change.
create table journal.part (
  role_name name primary key,
  part      text not null check (part in ('bot', 'worker'))
);

create function journal.guard_approval() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  who text := coalesce((select p.part from journal.part p where p.role_name = session_user), 'administrator');
begin
  if tg_op = 'INSERT' then
    if new.state <> 'OPENING' then
      raise exception 'approval % must begin as OPENING, not %', new.id, new.state using errcode = '42501';
    end if;
    return new;
  end if;
  if old.state in ('CONSUMED', 'DENIED', 'EXPIRED', 'SUPERSEDED', 'VOIDED') then
    raise exception 'approval % is % and never changes again', old.id, old.state using errcode = '42501';
  end if;
  if row(new.id, new.migration_id, new.gate, new.step, new.digest, new.subject, new.requesters, new.created_at, new.expires_at)
     is distinct from
     row(old.id, old.migration_id, old.gate, old.step, old.digest, old.subject, old.requesters, old.created_at, old.expires_at) then
    raise exception 'the substance of approval % never changes', old.id using errcode = '42501';
  end if;
  if new.state = old.state then
    return new;
  end if;
  if not (
    (who in ('bot', 'administrator') and (old.state, new.state) in (
      ('OPENING', 'PENDING'), ('OPENING', 'DENIED'), ('OPENING', 'EXPIRED'), ('OPENING', 'VOIDED'),
      ('PENDING', 'ARMED'), ('PENDING', 'DENIED'), ('PENDING', 'EXPIRED'), ('PENDING', 'VOIDED'),
      ('ARMED', 'PENDING'), ('ARMED', 'DENIED'), ('ARMED', 'EXPIRED'), ('ARMED', 'VOIDED')))
    or (who in ('worker', 'administrator') and (new.state = 'SUPERSEDED' or (old.state, new.state) = ('ARMED', 'CONSUMED')))
  ) then
    raise exception 'the % may not move approval % from % to %', who, old.id, old.state, new.state using errcode = '42501';
  end if;
  -- law 4: whoever consumes needs the bot's word, and that word is at most ten seconds old
  if new.state = 'CONSUMED' and (new.expires_at <= clock_timestamp() or not exists (
       select from journal.claim_request c join journal.attestation a using (nonce)
       where new.id = any (c.approvals) and a.observed_at > clock_timestamp() - interval '10 seconds')) then
    raise exception 'approval % has expired or has no fresh attestation', old.id using errcode = '42501';
  end if;
  new.state_at := clock_timestamp();
  return new;
end $$;
create trigger guard before insert or update on journal.approval
  for each row execute function journal.guard_approval();

-- One channel, small payloads: '<table>:<migration>'. A hint; readers look into the tables.
create function journal.announce_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_notify('journal', tg_table_name || ':' || coalesce(
    case tg_table_name
      when 'migration' then to_jsonb(new) ->> 'id'
      when 'attestation' then (select c.migration_id from journal.claim_request c where c.nonce = to_jsonb(new) ->> 'nonce')
      when 'vote' then (select a.migration_id from journal.approval a where a.id = to_jsonb(new) ->> 'approval_id')
      else to_jsonb(new) ->> 'migration_id'
    end, ''));
  return null;
end $$;
create trigger announce after insert or update of state on journal.command for each row execute function journal.announce_change();
create trigger announce after insert or update of revision, state on journal.outbox for each row execute function journal.announce_change();
create trigger announce after insert on journal.claim_request for each row execute function journal.announce_change();
create trigger announce after insert on journal.attestation for each row execute function journal.announce_change();
create trigger announce after insert or update of epoch on journal.agent_goal for each row execute function journal.announce_change();
create trigger announce after insert or update of state on journal.approval for each row execute function journal.announce_change();
create trigger announce after insert or update on journal.vote for each row execute function journal.announce_change();
create trigger announce after insert or update of intent, state, phase on journal.migration for each row execute function journal.announce_change();

-- Attested facts and remembered undo notes are written once.
create function journal.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are written once', tg_table_name using errcode = '42501';
end $$;
create trigger written_once before update or delete on journal.attestation for each row execute function journal.refuse_change();
create trigger written_once before update or delete on journal.undo_note for each row execute function journal.refuse_change();
create trigger written_once before update or delete on journal.event for each row execute function journal.refuse_change();

-- An agent sees the rows that carry its role's name, and no others. Policies for bot and worker are made by init.
alter table journal.agent_goal enable row level security;
alter table journal.agent_state enable row level security;
create policy agent_own on journal.agent_goal using (agent_role = current_user);
create policy agent_own on journal.agent_state using (agent_role = current_user);

-- Creates or renews the login of one bridge's agent. Only the worker may call it; it never sees a password.
create function journal.mint_agent(p_migration text, p_verifier text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  role_name text := 'drawbridge_agent_' || p_migration;
begin
  if p_verifier !~ '^SCRAM-SHA-256\$\d+:' then
    raise exception 'mint_agent takes a SCRAM verifier' using errcode = '22023';
  end if;
  if not exists (select from journal.migration m where m.id = p_migration) then
    raise exception 'there is no migration %', p_migration using errcode = '22023';
  end if;
  if not exists (select from pg_roles r where r.rolname = role_name) then
    execute format('create role %I nologin', role_name);
  end if;
  execute format('alter role %I login password %L', role_name, p_verifier);
  execute format('grant connect on database %I to %I', current_database(), role_name);
  execute format('grant usage on schema journal to %I', role_name);
  execute format('grant select, update (seen_at) on journal.agent_goal to %I', role_name);
  execute format('grant select, insert, update on journal.agent_state to %I', role_name);
  return role_name;
end $$;

-- Ends an agent's login and its rights here. The role itself goes too, unless another database still names it.
create function journal.unmint_agent(p_migration text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  role_name text := 'drawbridge_agent_' || p_migration;
begin
  if not exists (select from pg_roles r where r.rolname = role_name) then
    return;
  end if;
  execute format('alter role %I nologin password null', role_name);
  execute format('revoke all on journal.agent_goal, journal.agent_state from %I', role_name);
  execute format('revoke usage on schema journal from %I', role_name);
  execute format('revoke connect on database %I from %I', current_database(), role_name);
  begin
    execute format('drop role %I', role_name);
  exception when dependent_objects_still_exist or object_in_use then
    null;
  end;
end $$;

-- nobody calls these unless init grants it
revoke all on all functions in schema journal from public;
