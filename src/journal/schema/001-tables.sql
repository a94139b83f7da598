-- The journal: what is true about each migration. Written once per version; later versions add files.
create schema journal;

create table journal.migration (
  id            text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,40}$'),
  state         text not null check (state in ('draft', 'active', 'completed', 'aborted')),
  intent        text not null default 'run' check (intent in ('run', 'hold', 'abort')),
  intent_by     text,
  phase         text not null,
  driver        text not null,
  config_digest text not null,
  plan          jsonb not null default '{}',
  -- the fencing epoch: each lease takes the next one, and every record is written under it
  epoch         bigint not null default 0,
  created_at    timestamptz not null default clock_timestamp(),
  started_at    timestamptz,
  ended_at      timestamptz
);

-- Everyone who asked for something that a gate protects; none of them may vote in this migration.
create table journal.requester (
  migration_id text not null references journal.migration,
  person       text not null,
  verb         text not null,
  at           timestamptz not null default clock_timestamp(),
  primary key (migration_id, person, verb)
);

create table journal.phase_run (
  migration_id text not null references journal.migration,
  phase        text not null,
  -- raised when the phase has to run anew; attempts of earlier tries no longer count
  try          integer not null default 1,
  state        text not null check (state in ('waiting', 'running', 'retrying', 'paused', 'done', 'failed')),
  failures     integer not null default 0,
  due_at       timestamptz,
  started_at   timestamptz,
  ended_at     timestamptz,
  error        jsonb,
  primary key (migration_id, phase)
);

create table journal.step_attempt (
  id           bigint generated always as identity primary key,
  migration_id text not null references journal.migration,
  phase        text not null,
  step         text not null,
  try          integer not null,
  epoch        bigint not null,
  state        text not null check (state in ('started', 'succeeded', 'failed', 'invalid', 'undone')),
  output       jsonb,
  error        jsonb,
  worker       text not null,
  started_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz
);
create index step_attempt_place on journal.step_attempt (migration_id, phase, try, step, id);

-- What undo needs, written before the first effect and never overwritten (law 2). Holds no secret.
create table journal.undo_note (
  migration_id text not null references journal.migration,
  phase        text not null,
  step         text not null,
  try          integer not null,
  note         jsonb not null,
  at           timestamptz not null default clock_timestamp(),
  primary key (migration_id, phase, step, try)
);

create table journal.window_run (
  id           bigint generated always as identity primary key,
  migration_id text not null references journal.migration,
  name         text not null,
  -- the try of the phase that this window belongs to
  try          integer not null,
  state        text not null check (state in ('asking', 'open', 'closed', 'put-back', 'cancelled')),
  asked_by     text not null,
  forecast_ms  integer not null,
  asked_at     timestamptz not null default clock_timestamp(),
  opened_at    timestamptz,
  deadline_at  timestamptz,
  -- the point of no return: from here the window only goes forward
  no_return_at timestamptz,
  ended_at     timestamptz,
  outcome      text,
  facts        jsonb not null default '{}'
);
create unique index window_run_one_alive on journal.window_run (migration_id) where state in ('asking', 'open');

create table journal.command (
  id           bigint generated always as identity primary key,
  dedup_key    text not null unique,
  migration_id text,
  verb         text not null,
  args         jsonb not null default '{}',
  person       text not null,
  slack_user   text not null,
  channel      text not null,
  state        text not null default 'received' check (state in ('received', 'answered')),
  reply        jsonb,
  received_at  timestamptz not null default clock_timestamp(),
  answered_at  timestamptz
);

-- Everything that came in from Slack, stored before Slack got its 200.
create table journal.inbound (
  dedup_key   text primary key,
  kind        text not null check (kind in ('event', 'command', 'interaction')),
  body        jsonb not null,
  received_at timestamptz not null default clock_timestamp(),
  handled_at  timestamptz
);

create table journal.approval (
  id           text primary key,
  migration_id text not null references journal.migration,
  window_id    bigint references journal.window_run,
  gate         text not null,
  step         text not null,
  digest       text not null,
  subject      jsonb not null,
  evidence     jsonb not null default '{}',
  requesters   text[] not null,
  created_at   timestamptz not null default clock_timestamp(),
  expires_at   timestamptz not null,
  channel      text,
  message_ts   text,
  state        text not null check (state in
                 ('OPENING', 'PENDING', 'ARMED', 'CONSUMED', 'DENIED', 'EXPIRED', 'SUPERSEDED', 'VOIDED')),
  state_reason text,
  state_at     timestamptz not null default clock_timestamp()
);

create table journal.vote (
  approval_id  text not null references journal.approval,
  person       text not null,
  slack_user   text not null,
  decision     text not null check (decision in ('approve', 'veto')),
  source       text not null check (source in ('event', 'reconcile')),
  event_id     text,
  eligible     boolean not null,
  reason       text,
  observed_at  timestamptz not null default clock_timestamp(),
  withdrawn_at timestamptz,
  primary key (approval_id, slack_user, decision)
);

create table journal.claim_request (
  nonce        text primary key,
  migration_id text not null references journal.migration,
  approvals    text[] not null,
  epoch        bigint not null,
  created_at   timestamptz not null default clock_timestamp()
);

create table journal.attestation (
  nonce       text primary key references journal.claim_request,
  facts       jsonb not null,
  observed_at timestamptz not null default clock_timestamp()
);

create table journal.event (
  id           bigint primary key,
  migration_id text,
  at           timestamptz not null,
  kind         text not null,
  actor        text not null,
  facts        jsonb not null,
  prev_hash    text not null,
  hash         text not null
);

create table journal.outbox (
  id           bigint generated always as identity primary key,
  kind         text not null,
  migration_id text not null,
  key          text not null,
  audience     text not null check (audience in ('main', 'thread', 'comms', 'person')),
  person       text,
  priority     integer not null default 5,
  facts        jsonb not null default '{}',
  -- raised whenever the message should be rendered anew (cards are edited in place)
  revision     integer not null default 1,
  sent_revision integer not null default 0,
  state        text not null default 'pending' check (state in ('pending', 'sent', 'dead')),
  channel      text,
  message_ts   text,
  attempts     integer not null default 0,
  due_at       timestamptz not null default clock_timestamp(),
  created_at   timestamptz not null default clock_timestamp(),
  sent_at      timestamptz,
  error        text,
  unique (kind, migration_id, key)
);
create index outbox_due on journal.outbox (priority, due_at) where state = 'pending';

create table journal.sample (
  id           bigint generated always as identity primary key,
  migration_id text not null,
  at           timestamptz not null default clock_timestamp(),
  kind         text not null,
  facts        jsonb not null
);
create index sample_recent on journal.sample (migration_id, kind, at desc);

create table journal.agent_goal (
  migration_id text primary key references journal.migration,
  agent_role   text not null,
  epoch        bigint not null,
  goal         text not null check (goal in ('standby', 'primary', 'wiped')),
  params       jsonb not null default '{}',
  set_at       timestamptz not null default clock_timestamp(),
  seen_at      timestamptz
);

create table journal.agent_state (
  migration_id text primary key references journal.migration,
  agent_role   text not null,
  epoch        bigint not null,
  state        text not null,
  facts        jsonb not null default '{}',
  at           timestamptz not null default clock_timestamp()
);
