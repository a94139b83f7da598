-- Reactions that reached us are facts, also where Slack could not be asked afterwards: they are looked up by their message.
create index inbound_reaction on journal.inbound ((body #>> '{event,item,ts}')) where kind = 'event';

-- The last verdict on an approval, as the evaluator gave it: card, status and runner show this one tree.
alter table journal.approval add column verdict jsonb, add column verdict_at timestamptz;

-- As before, and: what consumes belongs to the newest lease, its attestation is not from the future, and nobody has vetoed.
create or replace function journal.guard_approval() returns trigger
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
  if row(new.id, new.migration_id, new.window_id, new.gate, new.step, new.digest, new.subject, new.requesters, new.created_at, new.expires_at)
     is distinct from
     row(old.id, old.migration_id, old.window_id, old.gate, old.step, old.digest, old.subject, old.requesters, old.created_at, old.expires_at) then
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
  -- law 4: whoever consumes needs the bot's word under the newest lease, and that word is at most ten seconds old
  if new.state = 'CONSUMED' then
    if new.expires_at <= clock_timestamp() or not exists (
         select from journal.claim_request c
         join journal.attestation a using (nonce)
         join journal.migration m on m.id = c.migration_id and m.epoch = c.epoch
         where c.migration_id = new.migration_id and new.id = any (c.approvals)
           and a.observed_at > clock_timestamp() - interval '10 seconds' and a.observed_at <= clock_timestamp()) then
      raise exception 'approval % has expired or has no fresh attestation', old.id using errcode = '42501';
    end if;
    if exists (select from journal.vote v where v.approval_id = new.id and v.decision = 'veto' and v.eligible) then
      raise exception 'approval % was vetoed', old.id using errcode = '42501';
    end if;
  end if;
  new.state_at := clock_timestamp();
  return new;
end $$;
