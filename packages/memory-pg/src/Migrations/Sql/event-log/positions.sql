-- Where executions stand, for followers that were not told of new events: [[tenant, id], …].
create function crewline_positions(in_executions jsonb)
returns table (tenant text, execution_id text, last_seq int, ended boolean)
language sql stable security definer set search_path from current set enable_seqscan = off as $$
  select e.tenant, e.id, e.last_seq, e.ended_at is not null
  from jsonb_array_elements(in_executions) i
  cross join lateral (
    select * from crewline_execution x where x.id = i.value->>1 and x.tenant = i.value->>0 limit 1
  ) e
$$;

revoke execute on function crewline_positions(jsonb) from public;
