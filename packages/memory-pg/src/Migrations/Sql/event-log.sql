-- The event log: a row per execution, a row per event, and a table apart for what is too large for a row. Two tables more say which
-- events to look at for an ask, a signal, a task that was spawned; executions without such events have no rows there. The outbox has a row
-- for each thing that follows from an event and is not done yet.
--
-- Each function below is one statement for the client. That makes an append atomic without an interactive transaction (which embedded
-- PGlite could not interleave with other work), and lets the function set crewline.tenant for the policies in its own transaction.
--
-- Every statement reads a bounded number of pages, whatever the planner knows of the tables: nothing needs ANALYZE, and a plan made while
-- a table was empty may stay. For a planner without statistics two indexes cost the same, even one of which a condition is only on a later
-- column, and which is read whole for it. So each look-up is written such that only one index has any of its conditions:
-- - No index has the plain tenant, because row security adds `tenant = …` to every statement. Listings begin with `tenant collate "C"`, and
--   only those say so. Where the tenant comes after an id or a key, the index is partial: `where id is not null` follows from `id = …` alone.
-- - Asks of an execution are listed by `listed`, and found one by one by `execution`, for the same reason as the next.
-- - What is looked up by turn, outcome or nonce says `guarded`, which the primary key cannot serve; what is read by seq alone says
--   `execution`, which only the primary key can.
-- - Columns that stand in two indexes are `greatest(execution, 0)` or `state collate "C"` in one of them, and in what reads it. That works
--   under row security, too; `execution + 0` may fail, and would therefore be no index condition there.
-- - Functions that look up switch sequential scans off. They switch JIT off as well: where there is no other scan (a sequence has one row and
--   no index), the plan seems so expensive that it would be compiled each time, which takes 20 ms.
-- - Guards of an append are its unique indexes: `on conflict do nothing` probes them without a plan.
--
-- Policies confine every query to the tenant that `crewline.tenant` names: `confine.sql` puts them on every table with a tenant. Each
-- function sets it, and says `tenant = …` in every query besides, for those who connect as the owner of the tables: owners are not subject
-- to row security. What works for all tenants stands in `event-log/all-tenants.sql`, and nowhere else.

-- include: event-log/place

create table crewline_execution (
  key bigint generated always as identity primary key,
  -- The key again, for lists: in the order of the primary key the executions of all tenants would be read.
  listed bigint generated always as (key) stored,
  tenant text not null,
  id text not null,
  crew_name text not null,
  crew_id text,
  status text not null default 'pending' check (
    status in ('pending', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')
  ),
  last_seq int not null,
  version int not null,
  -- Milliseconds, like everything that is shown; never decreases.
  last_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  idempotency_key text,
  request_hash text,
  owner text,
  -- When the owner took it, or renewed its lease last; null: at the start.
  leased_at timestamptz,
  lease_until timestamptz,
  -- How many rows of crewline_ask are open.
  open_asks int not null default 0,
  -- The place of its last append in the feed.
  place bigint not null default crewline_place()
) with (fillfactor = 70);

create unique index crewline_execution_id on crewline_execution (id, tenant) where id is not null;
create unique index crewline_execution_idempotency on crewline_execution (idempotency_key, tenant)
  where idempotency_key is not null;
create index crewline_execution_listing on crewline_execution (tenant collate "C", listed);
-- Not the lease itself: renewing a lease and every append would then have to touch the index.
create index crewline_execution_open on crewline_execution (key) where ended_at is null;
-- Of one tenant, for its limit. "POSIX" compares like "C", and only the count of crewline_start says so. Its condition is not that of the
-- index above, which could be read whole instead.
create index crewline_execution_unfinished on crewline_execution (tenant collate "POSIX") where coalesce(ended_at, 'infinity') = 'infinity';
create index crewline_execution_ended on crewline_execution (ended_at) where ended_at is not null;

-- Text and not jsonb: jsonb reorders keys, changes numbers and refuses the character zero; an output comes back as it was written.
-- No foreign key: every insert holds the lock on its execution's row anyway, and the check would cost a query per event.
create table crewline_event (
  execution bigint not null,
  -- The execution again, for the indexes of guards.
  guarded bigint generated always as (execution) stored,
  seq int not null,
  tenant text not null,
  type text not null,
  task_id text,
  run int,
  turn int,
  at timestamptz not null,
  -- The append that the event came with, to answer its repetition.
  append_first int not null,
  append_last int not null,
  append_version int not null,
  -- In the feed of its tenant: never less than that of the events before it, so that in the feed, too, the order within an execution is
  -- that of seq.
  place bigint not null default crewline_place(),
  nonce text,
  -- The event without what is large; enough for the fold.
  body text not null,
  -- What is large: an object of the fields left out of the body.
  payload text,
  -- Instead of the payload when that is in crewline_blob.
  payload_sha256 text,
  payload_size int,
  payload_excerpt text,
  primary key (execution, seq)
);

-- Its columns and its condition follow from no guard, which could read all events of a task by it.
create index crewline_event_task on crewline_event (greatest(execution, 0), task_id collate "C", greatest(seq, 0))
  where coalesce(task_id, '') <> '';
create unique index crewline_event_turn on crewline_event (guarded, task_id, run, turn) where type = 'TurnCompleted';
create unique index crewline_event_outcome on crewline_event (guarded, task_id)
  where type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled');
create unique index crewline_event_nonce on crewline_event (guarded, nonce) where nonce is not null;

-- One entry per append. What the next ones get is greater, so the entries come at the end.
create index crewline_event_feed on crewline_event (tenant collate "C", place, execution, seq) where seq = append_first;

-- Up to where events of a tenant were deleted for their age, in the order of its feed.
create table crewline_feed_expiry (
  tenant text primary key,
  place bigint not null,
  execution bigint not null,
  seq int not null
);

-- The key of the cursors of feeds, one for all servers. The role of serving connections may not read the table: crewline_feed_key gives it
-- to a server. It is made when a feed is first read, not here, because embedded databases begin as copies of one.
create table crewline_feed_key (
  is_only boolean primary key default true check (is_only),
  key text not null
);

create table crewline_blob (
  execution bigint not null,
  seq int not null,
  tenant text not null,
  content text not null,
  primary key (execution, seq)
);

-- The view of an ended execution as JSON: the head, which has place -1, and parts of up to 256 tasks.
create table crewline_view (
  execution bigint not null,
  -- Of its first task.
  place int not null,
  tenant text not null,
  format int not null,
  -- Of each task in the text.
  lengths int[],
  content text not null,
  primary key (execution, place)
);

-- Which event asked a person for something, and which one answered or closed that. What they say is in the events.
create table crewline_ask (
  -- Where it stands in lists.
  key bigint generated always as identity,
  execution bigint not null,
  -- The execution again, for the list of its asks.
  listed bigint generated always as (execution) stored,
  id text not null,
  tenant text not null,
  state text not null default 'open' check (state in ('open', 'answered', 'closed')),
  asked_seq int not null,
  closed_seq int,
  primary key (execution, id)
);

create index crewline_ask_of_tenant on crewline_ask (tenant collate "C", state collate "C", greatest(key, 0));
create index crewline_ask_of_execution on crewline_ask (listed, state, key);

-- Which event brought what is looked up by name: a signal, a task that was spawned.
create table crewline_origin (
  execution bigint not null,
  kind text not null check (kind in ('signal', 'task')),
  name text not null,
  tenant text not null,
  seq int not null,
  primary key (execution, kind, name)
);

-- What follows from an event outside of the log, until it is done.
create table crewline_outbox (
  execution bigint not null,
  seq int not null,
  part int not null,
  tenant text not null,
  consumer text not null,
  -- When its event was recorded.
  at timestamptz not null,
  attempts int not null default 1,
  -- When it can be claimed; null: a dead letter.
  due_at timestamptz,
  state text not null generated always as (case when due_at is null then 'dead' else 'pending' end) stored,
  error text,
  primary key (execution, seq, part)
);

create index crewline_outbox_due on crewline_outbox (consumer, due_at) where due_at is not null;
-- No number of their own: one that counts rows of all tenants would tell each of them how much the others do.
create index crewline_outbox_of_tenant on crewline_outbox
  (tenant collate "C", state, greatest(at, '-infinity'), greatest(execution, 0), greatest(seq, 0), greatest(part, 0));

create table crewline_gone (
  tenant text not null,
  id text not null,
  -- Where it stood in lists.
  key bigint not null,
  ended_at timestamptz not null,
  gone_at timestamptz not null,
  primary key (tenant, id)
);
create index crewline_gone_age on crewline_gone (gone_at);

-- include: event-log/start
-- include: event-log/guard
-- include: event-log/note
-- include: event-log/settle
-- include: event-log/append
-- include: event-log/read
-- include: event-log/feed
-- include: event-log/outputs
-- include: event-log/named
-- include: event-log/find-ask
-- include: event-log/find-asks
-- include: event-log/asked
-- include: event-log/summary
-- include: event-log/view
-- include: event-log/keep-view
-- include: event-log/list
-- include: event-log/list-outbox
-- include: event-log/retry-outbox
-- include: event-log/is-gone
-- include: event-log/bury
-- include: event-log/remove
-- include: event-log/all-tenants
