-- Why the bot cannot attest a claim, where it knows: the worker says so at once instead of waiting for nothing.
alter table journal.claim_request add column refusal text;
