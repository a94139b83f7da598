-- Once window 1 has passed its point of no return the bridge is production. Whoever would have it wiped or restored over,
-- be it a worker that slept through its lease, is refused by the journal itself.
create function journal.guard_goal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.goal <> 'primary' and exists (
       select from journal.window_run w
       where w.migration_id = new.migration_id and w.name = 'window-1' and w.no_return_at is not null) then
    raise exception 'the bridge of % is production: its goal cannot become %', new.migration_id, new.goal using errcode = '42501';
  end if;
  return new;
end $$;
create trigger guard before insert or update of goal on journal.agent_goal
  for each row execute function journal.guard_goal();
revoke all on function journal.guard_goal() from public;
