-- The event log is append-only and hash-chained: each row's hash covers the row and the hash before it.
-- Writers call journal.append_event; no role may insert, update or delete rows itself.
create function journal.event_hash(prev text, id bigint, migration text, at timestamptz, kind text, actor text, facts jsonb)
returns text language sql immutable set timezone = 'UTC' as $$
  select encode(sha256(convert_to(concat_ws(E'\x1f', prev, id::text, coalesce(migration, ''),
    to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), kind, actor, facts::text), 'UTF8')), 'hex')
$$;

create function journal.append_event(p_migration text, p_kind text, p_actor text, p_facts jsonb)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  last_row record;
  next_id bigint;
  now_at timestamptz;
  prev text;
begin
  -- one writer at a time, so that ids have no gaps and each hash sees the row before it
  perform pg_advisory_xact_lock(7305, 1);
  now_at := clock_timestamp();
  select e.id, e.hash into last_row from journal.event e order by e.id desc limit 1;
  next_id := coalesce(last_row.id, 0) + 1;
  prev := coalesce(last_row.hash, repeat('0', 64));
  insert into journal.event (id, migration_id, at, kind, actor, facts, prev_hash, hash)
  values (next_id, p_migration, now_at, p_kind, p_actor, p_facts, prev,
          journal.event_hash(prev, next_id, p_migration, now_at, p_kind, p_actor, p_facts));
  perform pg_notify('journal', 'event:' || coalesce(p_migration, ''));
  return next_id;
end $$;
