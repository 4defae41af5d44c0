/**
 * Deleting what has ended, and what lists show: `waiting` and `paused` are statuses like any other.
 *
 * Executions are deleted whole, in one transaction: blobs, events, the row. What stays for a while is a row of `crewline_gone`, so that
 * those who ask later, or were in the middle of following, are told that it was deleted, and pages go on after it.
 *
 * `crewline_prune` works for all tenants, as `crewline_adopt` does: `security definer`, gives away ids only, granted to nobody. It takes
 * what ended first along an index, skips what others hold, and stops at `maxEvents` so that one call stays short. An ended execution
 * is not appended to, so it is in nobody's way but that of those who read it.
 *
 * Reading is `stable` from here on: all statements of the function see one moment, and never half of an execution.
 */
const maxEvents = 20_000

const tables = `
alter table crewline_execution drop constraint crewline_execution_status_check;
alter table crewline_execution add constraint crewline_execution_status_check
  check (status in ('pending', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'));

create index crewline_execution_ended on crewline_execution (ended_at) where ended_at is not null;

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
alter table crewline_gone enable row level security;
create policy crewline_tenant on crewline_gone
  using (tenant = current_setting('crewline.tenant', true)) with check (tenant = current_setting('crewline.tenant', true));

alter function crewline_read(text, text, int, int, text, boolean) stable;
alter function crewline_outputs(text, text, jsonb) stable;
`

const deleting = `
-- The caller holds the row.
create or replace function crewline_bury(x crewline_execution) returns void
language sql as $$
  delete from crewline_blob b where b.execution = x.key;
  delete from crewline_event e where e.execution = x.key;
  delete from crewline_execution e where e.key = x.key;
  insert into crewline_gone (tenant, id, key, ended_at, gone_at) values (x.tenant, x.id, x.key, x.ended_at, clock_timestamp())
    on conflict (tenant, id) do update set key = excluded.key, ended_at = excluded.ended_at, gone_at = excluded.gone_at
$$;

create or replace function crewline_is_gone(in_tenant text, in_id text) returns boolean
language plpgsql as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return exists (select from crewline_gone g where g.tenant = in_tenant and g.id = in_id);
end $$;

create or replace function crewline_remove(in_tenant text, in_id text) returns text
language plpgsql as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.tenant = in_tenant and e.id = in_id for update;
  if not found then return 'missing'; end if;
  if x.ended_at is null then return 'running'; end if;
  perform crewline_bury(x);
  return 'removed';
end $$;

create or replace function crewline_prune(
  in_ended_millis double precision, in_limit int, in_tenant text, in_remember_millis double precision
) returns table (execution_id text, tenant text)
language plpgsql security definer set search_path from current as $$
#variable_conflict use_column
declare
  x crewline_execution;
  now_at timestamptz := clock_timestamp();
  events int := 0;
begin
  delete from crewline_gone g where (g.tenant, g.id) in (
    select o.tenant, o.id from crewline_gone o
    where o.gone_at <= now_at - in_remember_millis * interval '1 millisecond' and (in_tenant is null or o.tenant = in_tenant)
    order by o.gone_at limit ${maxEvents} for update skip locked
  );
  for x in
    select * from crewline_execution e
    where e.ended_at is not null and e.ended_at <= now_at - in_ended_millis * interval '1 millisecond'
      and (in_tenant is null or e.tenant = in_tenant)
    order by e.ended_at limit in_limit for update skip locked
  loop
    exit when events > 0 and events + x.last_seq > ${maxEvents};
    events := events + x.last_seq;
    perform crewline_bury(x);
    execution_id := x.id; tenant := x.tenant;
    return next;
  end loop;
end $$;

revoke execute on function crewline_prune(double precision, int, text, double precision) from public;
`

/** As it was, but for a key or an id whose execution is deleted at this moment: it is free again, and tried again. */
const start = `
create or replace function crewline_start(
  in_tenant text, in_id text, in_crew_name text, in_crew_id text, in_key text, in_hash text,
  in_owner text, in_lease_millis double precision, in_body text
) returns table (outcome text, execution_id text)
language plpgsql as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  new_key bigint;
  found_id text;
  found_hash text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  loop
    insert into crewline_execution
      (tenant, id, crew_name, crew_id, last_seq, version, last_at, started_at, idempotency_key, request_hash,
        owner, lease_until)
      values (in_tenant, in_id, in_crew_name, in_crew_id, 1, 1, now_at, now_at, in_key, in_hash,
        in_owner, case when in_owner is not null then now_at + in_lease_millis * interval '1 millisecond' end)
      on conflict do nothing
      returning key into new_key;
    if new_key is not null then
      insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, body)
        values (new_key, 1, in_tenant, 'ExecutionStarted', now_at, 1, 1, 1, in_body);
      return query select 'started', in_id;
      return;
    end if;
    -- The insert waited for whoever held the same key or id; a statement begun now sees the row that won.
    select e.id, e.request_hash into found_id, found_hash
      from crewline_execution e where e.tenant = in_tenant and e.idempotency_key = in_key;
    if not found then
      select e.id, in_hash into found_id, found_hash
        from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
      continue when not found;
    end if;
    return query select case when found_hash is not distinct from in_hash then 'existing' else 'reused' end, found_id;
    return;
  end loop;
end $$;
`

const list = `
create or replace function crewline_list(
  in_tenant text, in_ids jsonb, in_statuses jsonb, in_crew_id text, in_crew_name text, in_before text, in_limit int
) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int
)
language plpgsql as $$
#variable_conflict use_column
declare
  before_key bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_before is not null then
    select e.key into before_key from crewline_execution e where e.tenant = in_tenant and e.id = in_before;
    if not found then
      select g.key into before_key from crewline_gone g where g.tenant = in_tenant and g.id = in_before;
    end if;
    if not found then
      return query select null::text, null::text, null::text, null::text, null::timestamptz, null::timestamptz, null::int, null::int;
      return;
    end if;
  end if;
  return query select e.id, e.crew_name, e.crew_id, e.status, e.started_at, e.ended_at, e.last_seq, e.version
    from crewline_execution e
    where e.tenant = in_tenant
      and (before_key is null or e.key < before_key)
      and (in_ids is null or e.id = any (array(select jsonb_array_elements_text(in_ids))))
      and (in_statuses is null or e.status = any (array(select jsonb_array_elements_text(in_statuses))))
      and (in_crew_id is null or e.crew_id = in_crew_id)
      and (in_crew_name is null or e.crew_name = in_crew_name)
    order by e.key desc limit in_limit;
end $$;
`

export const sql: string = [tables, deleting, start, list].join("\n")
