-- Makes a dead letter due immediately and resets its attempts; pending rows are unchanged. Returns
-- the row in the shape of a list.
create function crewline_retry_outbox(in_tenant text, in_at timestamptz, in_execution text, in_seq int, in_part int) returns table (
  execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  one bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select e.key into one from crewline_execution e where e.id = in_execution and e.tenant = in_tenant;
  update crewline_outbox o set due_at = clock_timestamp(), attempts = 0
    where o.execution = one and o.seq = in_seq and o.part = in_part and o.tenant = in_tenant and o.at = in_at and o.due_at is null;
  return query
    select in_execution, o.seq, o.part, o.consumer, o.state, o.attempts, o.at, o.due_at, o.error from crewline_outbox o
    where o.execution = one and o.seq = in_seq and o.part = in_part and o.tenant = in_tenant and o.at = in_at;
end $$;
