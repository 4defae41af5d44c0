-- The summary of one execution, in the shape of crewline_list.
create function crewline_summary(in_tenant text, in_id text) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean
)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query select e.id, e.crew_name, e.crew_id, e.status, e.started_at, e.ended_at, e.last_seq, e.version,
      e.open_asks > 0 and e.ended_at is null
    from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
end $$;
