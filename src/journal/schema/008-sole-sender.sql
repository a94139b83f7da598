-- One bot sends at a time: two that run on one journal would both post the same row. The lock lives as long as the session that
-- takes it. The bot may take this advisory lock and no other: the others are leases of workers.
create function journal.take_outbox() returns boolean
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select pg_try_advisory_lock(7306, 1)
$$;
revoke all on function journal.take_outbox() from public;
