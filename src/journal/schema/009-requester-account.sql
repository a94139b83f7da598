-- A person can be given another name in the configuration; the account that asked stays the same. None of its owner's names may vote.
alter table journal.requester add column slack_user text not null default '';
alter table journal.requester drop constraint requester_pkey;
alter table journal.requester add primary key (migration_id, person, verb, slack_user);
