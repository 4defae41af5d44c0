-- The event log: a row per execution, a row per event, and a separate table for payloads too large
-- for a row. Two more tables index the events of asks, signals and spawned tasks; executions
-- without such events have no rows there. The outbox has a row for each pending effect of an event.
--
-- Each function below is one statement for the client. That makes an append atomic without an
-- interactive transaction (which embedded PGlite could not interleave with other work), and lets
-- the function set crewline.tenant for the policies in its own transaction.
--
-- Every statement reads a bounded number of pages, regardless of table statistics: nothing needs
-- ANALYZE, and a plan made for an empty table remains valid. Without statistics, the planner
-- considers two indexes equally cheap, even one that has a condition only on a later column and
-- must be scanned completely. So each lookup is written such that only one index matches any of its
-- conditions:
-- - No index contains the plain tenant, because row security adds `tenant = …` to every statement.
--   Listings start with `tenant collate "C"`, which only they use. Where the tenant follows an id or
--   a key, the index is partial: `where id is not null` follows from `id = …` alone.
-- - Asks of an execution are listed by `listed`, and looked up one at a time by `execution`, for the
--   same reason as the next.
-- - Lookups by turn, outcome or nonce use `guarded`, which the primary key cannot serve; lookups by
--   seq alone use `execution`, which only the primary key can serve.
-- - A column in two indexes is `greatest(execution, 0)` or `state collate "C"` in one of them and in
--   the queries that use it. Those work with row security, too; `execution + 0` can raise an error,
--   which would prevent its use as an index condition there.
-- - Lookup functions disable sequential scans. They disable JIT as well: if no other scan is possible
--   (a sequence has one row and no index), the estimated cost is so high that the plan would be
--   compiled each time, which takes 20 ms.
-- - The guards of an append are its unique indexes: `on conflict do nothing` probes them without a
--   plan.
--
-- Policies confine every query to the tenant in `crewline.tenant`: `confine.sql` puts them on every
-- table with a tenant. Each function sets it and also says `tenant = …` in every query, because row
-- security does not apply to the owner of the tables. Functions across tenants are only in
-- `event-log/all-tenants.sql`.

-- include: event-log/place

create table crewline_execution (
  key bigint generated always as identity primary key,
  -- A copy of the key, for lists: in the order of the primary key, a list would read the executions
  -- of all tenants.
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
  -- In milliseconds, like all public times; never decreases.
  last_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  idempotency_key text,
  request_hash text,
  owner text,
  -- When the owner took the execution or last renewed its lease; null: at the start.
  leased_at timestamptz,
  lease_until timestamptz,
  -- The number of open rows in crewline_ask.
  open_asks int not null default 0,
  -- The place of its last append in the feed.
  place bigint not null default crewline_place()
) with (fillfactor = 70);

create unique index crewline_execution_id on crewline_execution (id, tenant) where id is not null;
create unique index crewline_execution_idempotency on crewline_execution (idempotency_key, tenant)
  where idempotency_key is not null;
create index crewline_execution_listing on crewline_execution (tenant collate "C", listed);
-- Without the lease: otherwise every renewal and append would have to update the index.
create index crewline_execution_open on crewline_execution (key) where ended_at is null;
-- Unfinished executions of one tenant, for its limit. "POSIX" compares like "C", and only the count
-- in crewline_start uses it. The condition differs from that of the index above, which could
-- otherwise be scanned completely instead.
create index crewline_execution_unfinished on crewline_execution (tenant collate "POSIX") where coalesce(ended_at, 'infinity') = 'infinity';
create index crewline_execution_ended on crewline_execution (ended_at) where ended_at is not null;

-- Text instead of jsonb: jsonb reorders keys, changes numbers and rejects the null character; an
-- output must be returned as it was written. Without a foreign key: every insert holds the lock on
-- its execution's row anyway, and the check would cost a query per event.
create table crewline_event (
  execution bigint not null,
  -- A copy of the execution, for the indexes of guards.
  guarded bigint generated always as (execution) stored,
  seq int not null,
  tenant text not null,
  type text not null,
  task_id text,
  run int,
  turn int,
  at timestamptz not null,
  -- The append that stored the event, to answer repetitions of it.
  append_first int not null,
  append_last int not null,
  append_version int not null,
  -- The place in the feed of its tenant: at least that of the events before it, so the feed, too,
  -- orders the events of an execution by seq.
  place bigint not null default crewline_place(),
  nonce text,
  -- The event without large fields; enough for the fold.
  body text not null,
  -- The large fields, an object of those left out of the body.
  payload text,
  -- Replaces the payload if that is in crewline_blob.
  payload_sha256 text,
  payload_size int,
  payload_excerpt text,
  primary key (execution, seq)
);

-- No guard implies its columns or its condition: otherwise a guard could scan all events of a task
-- with it.
create index crewline_event_task on crewline_event (greatest(execution, 0), task_id collate "C", greatest(seq, 0))
  where coalesce(task_id, '') <> '';
create unique index crewline_event_turn on crewline_event (guarded, task_id, run, turn) where type = 'TurnCompleted';
create unique index crewline_event_outcome on crewline_event (guarded, task_id)
  where type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled');
create unique index crewline_event_nonce on crewline_event (guarded, nonce) where nonce is not null;

-- One entry per append. Places increase, so new entries are at the end.
create index crewline_event_feed on crewline_event (tenant collate "C", place, execution, seq) where seq = append_first;

-- The last event of each tenant, in feed order, that was deleted because of its age.
create table crewline_feed_expiry (
  tenant text primary key,
  place bigint not null,
  execution bigint not null,
  seq int not null
);

-- The keys of feed cursors, shared by all servers. The role of serving connections may not read the
-- table: servers get the keys from crewline_feed_keys. A key is created when a feed is first read,
-- not here, because embedded databases start as copies of the same database.
--
-- A restored dump is another database, whose later places the first one gives out, too: the key of
-- the first one seals no place after the dump there.
create table crewline_feed_key (
  key text primary key,
  -- The database in which it was created.
  database bigint not null,
  -- The last place that it seals; null: the key of this database.
  until bigint
);
create unique index crewline_feed_key_open on crewline_feed_key ((until is null)) where until is null;

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
  -- The place of the first task.
  place int not null,
  tenant text not null,
  format int not null,
  -- The length of each task in the text.
  lengths int[],
  content text not null,
  primary key (execution, place)
);

-- For each ask, the event that opened it and the event that answered or closed it. The contents are
-- in the events.
create table crewline_ask (
  -- The position in lists.
  key bigint generated always as identity,
  execution bigint not null,
  -- A copy of the execution, for the list of its asks.
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

-- The events that brought what is looked up by name: signals and spawned tasks.
create table crewline_origin (
  execution bigint not null,
  kind text not null check (kind in ('signal', 'task')),
  name text not null,
  tenant text not null,
  seq int not null,
  primary key (execution, kind, name)
);

-- Effects of events outside of the log, until they are done.
create table crewline_outbox (
  execution bigint not null,
  seq int not null,
  part int not null,
  tenant text not null,
  consumer text not null,
  -- When the event was recorded.
  at timestamptz not null,
  attempts int not null default 1,
  -- When the row can be claimed; null: a dead letter.
  due_at timestamptz,
  state text not null generated always as (case when due_at is null then 'dead' else 'pending' end) stored,
  error text,
  primary key (execution, seq, part)
);

create index crewline_outbox_due on crewline_outbox (consumer, due_at) where due_at is not null;
-- Rows have no serial number: one shared by all tenants would disclose to each how active the
-- others are.
create index crewline_outbox_of_tenant on crewline_outbox
  (tenant collate "C", state, greatest(at, '-infinity'), greatest(execution, 0), greatest(seq, 0), greatest(part, 0));

create table crewline_gone (
  tenant text not null,
  id text not null,
  -- The position in lists.
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
