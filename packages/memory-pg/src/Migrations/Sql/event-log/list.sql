-- Summaries, newest first. An execution that is running with open asks is waiting, too. A single
-- row of nulls means that in_before never existed. Sorting is disabled because the index already
-- has the order, and without statistics the planner might sort a whole tenant.
create function crewline_list(
  in_tenant text, in_statuses jsonb, in_crew_id text, in_crew_name text, in_before text, in_limit int
) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean
)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
  before_key bigint := 9223372036854775807;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_before is not null then
    select e.key into before_key from crewline_execution e where e.id = in_before and e.tenant = in_tenant;
    if not found then
      select g.key into before_key from crewline_gone g where g.tenant = in_tenant and g.id = in_before;
    end if;
    if not found then
      return query select null::text, null::text, null::text, null::text, null::timestamptz, null::timestamptz, null::int, null::int,
        null::boolean;
      return;
    end if;
  end if;
  return query select e.id, e.crew_name, e.crew_id, e.status, e.started_at, e.ended_at, e.last_seq, e.version,
      e.open_asks > 0 and e.ended_at is null
    from crewline_execution e
    where e.tenant collate "C" = in_tenant
      and e.listed < before_key
      and (in_statuses is null or e.status = any (array(select jsonb_array_elements_text(in_statuses)))
        or e.status = 'running' and e.open_asks > 0 and in_statuses ? 'waiting')
      and (in_crew_id is null or e.crew_id = in_crew_id)
      and (in_crew_name is null or e.crew_name = in_crew_name)
    order by e.listed desc limit in_limit;
end $$;
