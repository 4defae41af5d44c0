-- Memory: a row per memory, a row per memory and term (the index of words), and their scopes.
-- Writes to one scope are serialized: each locks its scopes first, in the order of their paths,
-- then writes memories, and updates counts last. This order prevents deadlock, and at any time only
-- one value of a subject is current.
--
-- As in the event log, each lookup is written such that only one index matches any of its
-- conditions, and lookup functions disable sequential scans: the pages read depend on the request,
-- not on table statistics.

-- Scopes of memories. `path` is the hash of all parts. A scope sees the scopes whose parts are a
-- subset of its own, so a query looks up at most 32 paths.
create table crewline_memory_scope (
  key bigint generated always as identity primary key,
  tenant text not null,
  path text not null,
  crew text,
  agent text,
  person text,
  session text,
  execution text,
  -- True if some of its memories belong to conversations; their counts depend on their neighbours.
  talks boolean not null default false
) with (fillfactor = 80);
create unique index crewline_memory_scope_path on crewline_memory_scope (path, tenant) where path is not null;
create index crewline_memory_scope_listing on crewline_memory_scope (tenant collate "C", key);

create table crewline_memory (
  -- Increases in the order of storing.
  key bigint generated always as identity primary key,
  tenant text not null,
  id text not null,
  scope bigint not null,
  -- 0: short-term, 1: long-term, 2: entity.
  kind smallint not null,
  -- 0: user, 1: agent, 2: tool, 3: document, 4: web.
  origin smallint not null,
  trust smallint not null,
  subject text,
  -- Hashes that at most one current memory may have; null when the memory is no longer current.
  identity text,
  holds_for text,
  conversation bigint,
  place int,
  -- The number of words.
  length int not null,
  -- In milliseconds, like the next.
  stored_at bigint not null,
  ends_at bigint,
  superseded_by text,
  said_at bigint not null,
  importance double precision not null,
  -- The people and things that a query may name.
  names text[],
  corroborations int not null,
  pinned boolean not null,
  quarantined boolean not null,
  -- The execution that stored it.
  source text,
  given_key text,
  relates boolean not null,
  -- The terms of its rows in the index of words.
  terms text[] not null,
  mentions text,
  -- Fields that no statement reads, as JSON; text, because jsonb rejects unpaired surrogates.
  body text not null
) with (fillfactor = 85);
create unique index crewline_memory_id on crewline_memory (id, tenant) where id is not null;
create unique index crewline_memory_identity on crewline_memory (identity, tenant) where identity is not null;
create unique index crewline_memory_subject on crewline_memory (holds_for, tenant) where holds_for is not null;
create unique index crewline_memory_place on crewline_memory (conversation, place) where conversation is not null;
create index crewline_memory_of_subject on crewline_memory (subject, tenant) where subject is not null;
create index crewline_memory_of_scope on crewline_memory (greatest(scope, 0), greatest(key, 0));
create index crewline_memory_listing on crewline_memory (tenant collate "C", greatest(key, 0));
-- For retention by age and by count.
create index crewline_memory_age on crewline_memory (tenant collate "POSIX", kind, stored_at) where not pinned;
create index crewline_memory_number on crewline_memory (tenant collate "ucs_basic", greatest(kind, 0), greatest(key, 0)) where coalesce(pinned, false) = false;

create table crewline_memory_term (
  scope bigint not null,
  term text not null,
  memory bigint not null,
  tenant text not null,
  weight double precision not null,
  primary key (scope, term, memory) include (tenant, weight)
);

-- Conversations, and the place of the next memory in each.
create table crewline_memory_conversation (
  key bigint generated always as identity primary key,
  tenant text not null,
  path text not null,
  next int not null
) with (fillfactor = 80);
create unique index crewline_memory_conversation_path on crewline_memory_conversation (path, tenant) where path is not null;

-- The number of live memories of a scope by kind and trust (`class`: 5 * kind + trust), and of
-- their words: the totals that ranking needs.
create table crewline_memory_class (
  scope bigint not null,
  class smallint not null,
  tenant text not null,
  documents bigint not null,
  length bigint not null,
  primary key (scope, class)
) with (fillfactor = 50);

-- The keys of stored memories, including erased ones.
create table crewline_memory_key (
  path text not null,
  tenant text not null,
  memory text,
  primary key (path, tenant)
);

-- Which memories each execution was shown.
create table crewline_memory_quote (
  memory bigint not null,
  execution text not null,
  tenant text not null
);
-- Only one of the indexes matches each column.
create unique index crewline_memory_quote_memory on crewline_memory_quote (memory, coalesce(execution, ''));
create unique index crewline_memory_quote_execution on crewline_memory_quote (execution, tenant, greatest(memory, 0)) where execution is not null;

-- The number of texts submitted (`''`), and of those rejected, by reason.
create table crewline_memory_count (
  reason text not null,
  tenant text not null,
  number bigint not null,
  primary key (reason, tenant)
) with (fillfactor = 50);

create table crewline_memory_retention (
  tenant text primary key,
  rules text not null
);

-- include: memory/scopes
-- include: memory/all-tenants
-- include: memory/kept
-- include: memory/count
-- include: memory/remember
-- include: memory/find
-- include: memory/list
-- include: memory/seen
-- include: memory/change
-- include: memory/erase
-- include: memory/known
