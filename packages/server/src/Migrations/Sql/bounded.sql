-- Gives each statement one index that can serve it, whatever the planner knows of the tables: what a statement reads is bounded without
-- ANALYZE, and under row security, which adds `tenant = …`. So no index of a table with two has the plain tenant, and no column is in two
-- indexes in the same way:
--
-- - `id` is the primary key, and finds one row.
-- - `tenant collate "C"` begins the index of lists; ids there are `collate "POSIX"`, which compares like "C".
-- - `tenant collate "POSIX"` begins the index of names. `greatest(id, '')` is its order of ids.
-- - The audit log has three indexes of the same kind: by time, resource and actor. That by time begins with `greatest(tenant, '')`: with the
--   tenant itself it would have every column that a look-up of the time of an id needs, and would be read whole for it.
--
-- Statements say the same expressions. Connections switch off scans without an index order (`Database` of memory-pg).

drop index crewline_crew_listing, crewline_crew_name, crewline_agent_listing, crewline_agent_name, crewline_llm_provider_listing,
  crewline_llm_provider_name, crewline_secret_name, crewline_key_listing, crewline_ticket_expiry, crewline_audit_resource,
  crewline_audit_age;

create index crewline_crew_listing on crewline_crew (tenant collate "C", id collate "POSIX");
create index crewline_crew_name on crewline_crew (tenant collate "POSIX", name, greatest(id, ''));
create index crewline_agent_listing on crewline_agent (tenant collate "C", id collate "POSIX");
create index crewline_agent_name on crewline_agent (tenant collate "POSIX", name, greatest(id, ''));
create index crewline_llm_provider_listing on crewline_llm_provider (tenant collate "C", id collate "POSIX");
create unique index crewline_llm_provider_name on crewline_llm_provider (tenant collate "POSIX", name);
create index crewline_llm_provider_master on crewline_llm_provider (api_key_master) where api_key_master is not null;
create index crewline_key_listing on crewline_key (tenant collate "C", id collate "POSIX");

alter table crewline_secret drop constraint crewline_secret_pkey, add primary key (id);
create index crewline_secret_listing on crewline_secret (tenant collate "C", id collate "POSIX");
create unique index crewline_secret_name on crewline_secret (tenant collate "POSIX", name);
create index crewline_secret_master on crewline_secret (sealed_master);

create index crewline_ticket_expiry on crewline_ticket (tenant collate "C", expires_at);

-- The period first: of several values on a later column a planner may make a filter.
alter table crewline_tenant_spending drop constraint crewline_tenant_spending_pkey, add primary key (period, tenant);

-- By time, so that a range of time is a range of the index.
alter table crewline_audit drop constraint crewline_audit_pkey, add primary key (id);
create index crewline_audit_listing on crewline_audit (greatest(tenant, ''), at, id collate "POSIX");
create index crewline_audit_resource on crewline_audit
  (tenant collate "POSIX", resource, greatest(at, '-infinity'), greatest(id, '')) where resource is not null;
create index crewline_audit_actor on crewline_audit
  (tenant collate "C", actor, least(at, 'infinity'), least(id, id)) where actor is not null;

-- Providers whose keys are encrypted under another master key than this one.
create or replace function crewline_sealed_providers(in_master text) returns table (
  tenant text, id text, name text, body text, ciphertext text, master text
)
language sql stable security definer set search_path from current as $$
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master from crewline_llm_provider p where p.api_key_master < in_master
  union all
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master from crewline_llm_provider p where p.api_key_master > in_master
$$;

-- Secrets of all tenants that are encrypted under another master key than this one.
create or replace function crewline_sealed_secrets(in_master text)
returns table (tenant text, id text, name text, body text, ciphertext text, master text)
language sql stable security definer set search_path from current as $$
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master < in_master
  union all
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master > in_master
$$;

-- Deletes those of the oldest entries of any tenants, so many at once, that are older than so many seconds; answers how many. Ids sort by
-- time, which needs no index on the time alone; sorting is off, so that they are read in the order of their index.
create or replace function crewline_prune_audit(seconds float8, at_most int) returns int
language sql security definer set search_path from current set crewline.prunes_audit = 'on' set enable_sort = off as $$
  with oldest as materialized (
    select id, at from crewline_audit order by id limit at_most
  ), old as materialized (
    select id from crewline_audit
    where id = any (array(select id from oldest where at < now() - seconds * interval '1 second')) for update skip locked
  ), gone as (
    delete from crewline_audit where id = any (array(select id from old)) returning 1
  )
  select count(*)::int from gone
$$;
