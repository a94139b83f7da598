-- How far the event log goes and with which hash it ends, in a place of its own: rows cut off at the log's end leave a chain
-- in which every hash fits. Its one row is also what writers of events wait for: an advisory lock can be taken by any login of
-- the database, an agent's included; this row only by who may write it, which is append_event alone.
create table journal.event_head (
  only_row boolean primary key default true check (only_row),
  id       bigint not null,
  hash     text not null
);
insert into journal.event_head (id, hash)
select coalesce(max(e.id), 0), coalesce((select l.hash from journal.event l order by l.id desc limit 1), repeat('0', 64))
from journal.event e;

create or replace function journal.append_event(p_migration text, p_kind text, p_actor text, p_facts jsonb)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  head record;
  next_id bigint;
  now_at timestamptz;
  next_hash text;
begin
  -- one writer at a time, so that ids have no gaps and each hash sees the row before it
  select h.id, h.hash into strict head from journal.event_head h for update;
  now_at := clock_timestamp();
  next_id := head.id + 1;
  next_hash := journal.event_hash(head.hash, next_id, p_migration, now_at, p_kind, p_actor, p_facts);
  insert into journal.event (id, migration_id, at, kind, actor, facts, prev_hash, hash)
  values (next_id, p_migration, now_at, p_kind, p_actor, p_facts, head.hash, next_hash);
  update journal.event_head set id = next_id, hash = next_hash;
  perform pg_notify('journal', 'event:' || coalesce(p_migration, ''));
  return next_id;
end $$;

-- row triggers do not see TRUNCATE
create trigger never_emptied before truncate on journal.event for each statement execute function journal.refuse_change();
create trigger never_emptied before delete or truncate on journal.event_head for each statement execute function journal.refuse_change();
