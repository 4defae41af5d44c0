/**
 * How the event log is read: events, outputs, lists, positions. What is large is read only when it is asked for.
 */
export const sql = `-- The first row, with seq 0, says that the execution exists.
create or replace function crewline_read(
  in_tenant text, in_id text, in_after int, in_limit int, in_task text, in_payloads boolean
) returns table (seq int, at timestamptz, body text, payload text)
language plpgsql as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
  if not found then return; end if;
  return query select 0, x.last_at, null::text, null::text;
  if in_payloads then
    return query select e.seq, e.at, e.body, coalesce(e.payload, b.content)
      from crewline_event e
      left join crewline_blob b on b.execution = e.execution and b.seq = e.seq and e.payload_sha256 is not null
      where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and (in_task is null or e.task_id = in_task)
      order by e.seq limit in_limit;
  else
    return query select e.seq, e.at, e.body, null::text
      from crewline_event e
      where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and (in_task is null or e.task_id = in_task)
      order by e.seq limit in_limit;
  end if;
end $$;

-- The first row, without a task, says that the execution exists.
create or replace function crewline_outputs(in_tenant text, in_id text, in_tasks jsonb)
returns table (task_id text, payload text)
language plpgsql as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select e.task_id, coalesce(e.payload, b.content)
    from crewline_event e
    left join crewline_blob b on b.execution = e.execution and b.seq = e.seq and e.payload_sha256 is not null
    where e.execution = x.key and e.tenant = in_tenant
      and e.task_id = any (array(select jsonb_array_elements_text(in_tasks)))
      and e.type = 'TaskCompleted';
end $$;

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

-- Where executions stand, for followers that were not told: [[tenant, id], …].
create or replace function crewline_positions(in_executions jsonb)
returns table (tenant text, execution_id text, last_seq int, ended boolean)
language sql stable security definer set search_path from current as $$
  select e.tenant, e.id, e.last_seq, e.ended_at is not null
  from jsonb_array_elements(in_executions) i
  join crewline_execution e on e.tenant = i.value->>0 and e.id = i.value->>1
$$;

revoke execute on function crewline_positions(jsonb) from public;
`
