-- A card that Slack lets nobody edit any more is posted anew, and the old message stays in the channel under the same metadata.
-- Whoever looks later whether Slack has the row's message looks only past this one: a message's timestamp grows with time.
alter table journal.outbox add column left_ts text;
