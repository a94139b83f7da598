-- Nobody ever read what this column said.
alter table journal.inbound drop column handled_at;

-- What came in from Slack is kept for thirty days: long after Slack repeats anything. A reaction on a gate that can still be used,
-- or that an open window has used, is kept for as long as that lasts, since a veto is final. The bot may delete nothing else, and
-- nothing earlier. Returns how many rows went; at most 5,000 at a time, so that nobody waits for it.
create index inbound_received on journal.inbound (received_at);
create function journal.forget_inbound() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone integer;
begin
  delete from journal.inbound where dedup_key in (
    select i.dedup_key from journal.inbound i
    where i.received_at < clock_timestamp() - interval '30 days' and not exists (
      select from journal.approval a
      where i.kind = 'event' and a.message_ts = i.body #>> '{event,item,ts}' and a.channel = i.body #>> '{event,item,channel}'
        and (a.state in ('OPENING', 'PENDING', 'ARMED') or exists (
          select from journal.window_run w where w.id = a.window_id and w.state in ('asking', 'open'))))
    order by i.received_at limit 5000);
  get diagnostics gone = row_count;
  return gone;
end $$;
revoke all on function journal.forget_inbound() from public;
